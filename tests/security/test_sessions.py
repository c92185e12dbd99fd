"""Races about sessions, and how soon the feeds know that one has ended."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.contrib.auth.hashers import check_password
from django.db import connection

from accounts import services
from accounts.access import credentials
from accounts.access.refusals import refusals
from accounts.access.sessions import Origin, end_sessions_of, open_session, renew_session
from accounts.models import EndReason, Session, User
from accounts.services import suspend_user
from common.errors import DomainError
from common.limits.budgets import Rate
from tests.feeds.conftest import Feeds
from tests.trading.client import PASSWORD, Api, forget_caches

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Origin("192.0.2.1", "a browser")
NEW_PASSWORD = "staple of my own"
AT_ONCE = 8


@pytest.fixture
def alice(redis_db: redis.Redis) -> User:
    forget_caches()
    return User.objects.create_user("alice", password=PASSWORD)


def change_the_password(user: User) -> None:
    services.change_password(user.pk, PASSWORD, NEW_PASSWORD, HERE, factor_at=None)


@pytest.mark.parametrize("meanwhile", [change_the_password, suspend_user])
def test_a_sign_in_does_not_outlive_what_happens_while_it_is_hashed(
    alice: User, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[User], None]
) -> None:
    checking = check_password

    def slowly(password: str, encoded: str) -> bool:
        monkeypatch.undo()
        is_right = checking(password, encoded)
        meanwhile(User.objects.get(pk=alice.pk))
        return is_right

    monkeypatch.setattr(credentials, "check_password", slowly)
    with pytest.raises(DomainError):
        services.sign_in("alice", PASSWORD, HERE)
    opened_meanwhile = int(meanwhile is change_the_password)
    assert Session.objects.filter(ended_at=None).count() == opened_meanwhile


def at_once(step: Callable[[], Any]) -> list[Any]:
    def one(_: int) -> Any:
        try:
            return step()
        except DomainError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_of_many_renewals_with_one_token_one_is_served_and_the_session_ends(alice: User) -> None:
    refresh = open_session(alice, HERE).refresh
    answers = at_once(lambda: renew_session(refresh))
    served = [answer for answer in answers if not isinstance(answer, DomainError)]
    assert len(served) == 1
    session = Session.objects.get()
    assert session.end_reason == EndReason.TOKEN_REUSED
    with pytest.raises(DomainError):
        renew_session(served[0].refresh)


def test_a_renewal_during_a_new_password_ends_with_the_others(alice: User) -> None:
    refresh = open_session(alice, HERE).refresh
    with ThreadPoolExecutor(1) as pool:

        def renew() -> Any:
            try:
                return renew_session(refresh)
            except DomainError as error:
                return error
            finally:
                connection.close()

        renewing = pool.submit(renew)
        change_the_password(alice)
        renewing.result()
    (open_now,) = Session.objects.filter(ended_at=None)
    assert open_now.pk == Session.objects.latest("pk").pk


def end_all(user: User) -> None:
    end_sessions_of(user.pk, EndReason.ENDED_BY_USER)


@pytest.mark.parametrize(
    ("end", "codes"),
    [(end_all, {"SESSION_ENDED"}), (suspend_user, {"SESSION_ENDED", "ACCOUNT_SUSPENDED"})],
)
def test_an_account_channel_ends_within_seconds(
    feeds: Feeds, alice: User, end: Callable[[User], None], codes: set[str]
) -> None:
    """By itself; the connection goes on, with what is public."""
    ear = feeds.connect()
    token = open_session(alice, HERE).token
    assert ear.ask(op="auth", token=token)["op"] == "authenticated"
    assert ear.ask(op="subscribe", channels=["account"])["op"] == "subscribed"
    end(alice)
    heard = ear.hear()
    assert (heard["op"], heard["code"] in codes) == ("error", True), heard
    assert ear.ask(op="subscribe", channels=["account"])["code"] == "NOT_AUTHENTICATED"
    assert ear.ask(op="auth", token=token)["code"] in codes
    refusals.forget()


def test_renewals_have_a_budget_of_their_session(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied token in a rush, from many addresses, wears out no other session."""
    monkeypatch.setattr("accounts.throttles.RENEWALS", Rate(1, 3_600, burst=3))
    stolen, other = (open_session(alice, HERE).refresh for _ in range(2))

    def renew(refresh: object, address: str, path: str = "/auth/refresh") -> int:
        body = json.dumps({"refresh": refresh}).encode()
        return Api().send("POST", path, body, REMOTE_ADDR=address).status

    statuses = [renew(stolen, f"192.0.2.{number}") for number in range(5)]
    assert statuses == [200, 401, 401, 429, 429]
    assert renew(stolen, "192.0.2.9", "/auth/signout") == 429
    assert renew(other, "192.0.2.1") == 200
    assert [renew(rubbish, "192.0.2.1") for rubbish in ("x", 7, None, "a" * 9_000)] == [
        *(401, 400, 400, 401)
    ]
