"""Sign-up, sign-in, and what tokens are good for."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import redis
from django.conf import settings
from django.contrib.auth import hashers
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import EndReason, Session, User
from accounts.tasks import KEPT_FOR, forget_old_sessions
from ledger.models import Account, Wallet
from tests.trading.client import PASSWORD, Api, make_trader, token_of

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "staple of my own"


def sign_up(username: Any = "alice", password: Any = PASSWORD) -> Any:
    return Api().post("/auth/signup", {"username": username, "password": password})


def sign_in(username: str = "alice", password: str = PASSWORD, **headers: str) -> Any:
    body = f'{{"username": "{username}", "password": "{password}"}}'.encode()
    return Api().send("POST", "/auth/signin", body, **headers)


def renew(refresh: str) -> Any:
    return Api().post("/auth/refresh", {"refresh": refresh})


def test_sign_up_makes_a_trader_with_an_empty_wallet_and_signs_in() -> None:
    answer = sign_up()
    assert answer.status == 201
    user = User.objects.get(username="alice")
    assert answer.body["userId"] == user.pk
    assert answer.body["username"] == "alice"
    assert user.password.startswith("argon2")
    assert not user.is_staff
    assert Wallet.objects.get(user=user).available_units == 0
    assert Account.objects.filter(user=user).count() == 3
    assert Api(answer.body["token"]).get("/user/orders").status == 200


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [
        ("", PASSWORD, "username"),
        ("a" * 65, PASSWORD, "username"),
        ("al ice", PASSWORD, "username"),
        ("älice", PASSWORD, "username"),
        ("alice\n", PASSWORD, "username"),
        (7, PASSWORD, "username"),
        (None, PASSWORD, "username"),
        ("alice", "short", "password"),
        ("alice", "password", "password"),
        ("alice", "x" * 129, "password"),
        ("alice", ["list"], "password"),
        ("alice.", PASSWORD, "username"),
        (".alice", PASSWORD, "username"),
        ("-", PASSWORD, "username"),
        ("alice@", PASSWORD, "username"),
        ("alice", " " * 12, "password"),
        ("alice", "\u3000" * 12, "password"),
        ("alice", "\u200b" * 12, "password"),
        ("alice", " " + PASSWORD, "password"),
        ("alice", PASSWORD + "\t", "password"),
        ("alice", "aaaaaaaaaaaa", "password"),
        ("alice@example", "alice@example", "password"),
    ],
)
def test_sign_up_says_what_is_wrong(username: Any, password: Any, field: str) -> None:
    answer = sign_up(username, password)
    assert (answer.status, answer.body.get("field")) == (400, field), answer
    assert answer.body["message"]
    assert answer.code == "INVALID_FIELD"
    assert not User.objects.exists()


def test_a_name_is_taken_whatever_its_case() -> None:
    sign_up("Alice")
    for name in ("Alice", "alice", "ALICE"):
        answer = sign_up(name)
        assert (answer.status, answer.code) == (409, "USERNAME_TAKEN")
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_name_raced_for_goes_to_one() -> None:
    barrier = threading.Barrier(8)

    def race(_: int) -> int:
        barrier.wait()
        try:
            return int(sign_up().status)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(race, range(8)))
    assert statuses == [201] + [409] * 7
    assert User.objects.count() == 1


def test_sign_in_with_the_right_password_only() -> None:
    sign_up()
    assert sign_in().status == 200
    assert sign_in("ALICE").body["username"] == "alice"
    wrong, unknown = sign_in(password="not it at all"), sign_in("nobody")
    assert (wrong.status, wrong.code) == (401, "WRONG_CREDENTIALS")
    assert wrong.body == unknown.body


def test_an_unknown_name_costs_as_much_hashing_as_a_wrong_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_up()
    hashings: list[str] = []
    hasher = hashers.get_hasher("argon2")
    encode, verify = type(hasher).encode, type(hasher).verify

    def counting(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            hashings.append(name)
            return original(*args, **kwargs)

        return counted

    monkeypatch.setattr(type(hasher), "encode", counting("encode", encode))
    monkeypatch.setattr(type(hasher), "verify", counting("verify", verify))
    sign_in(password="not it at all")
    assert hashings == ["verify"]
    sign_in("nobody")
    assert hashings == ["verify", "encode"]


def test_failed_sign_ins_are_throttled_per_name_and_forgiven_on_success() -> None:
    sign_up("alice")
    sign_up("bob")
    for _ in range(9):
        assert sign_in(password="wrong guess").status == 401
    assert sign_in().status == 200  # starts over
    statuses = [sign_in(password="wrong guess").status for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert sign_in().code == "TOO_MANY_REQUESTS"
    assert sign_in("bob").status == 200


def test_a_name_is_throttled_however_it_is_written() -> None:
    """Names mean the same in any case, so guesses at one of them are guesses at all."""
    sign_up("Alice")
    names = ["Alice", "alice", "ALICE", "aLiCe"]
    for turn in range(9):
        assert sign_in(names[turn % 4], "wrong guess").status == 401
    assert sign_in("alice").status == 200  # starts over, for all of them
    statuses = [sign_in(names[turn % 4], "wrong guess").status for turn in range(11)]
    assert statuses == [401] * 10 + [429]
    assert [sign_in(name).status for name in names] == [429] * 4


def test_a_forwarded_address_does_not_escape_the_throttle() -> None:
    statuses = [
        sign_in(password="wrong guess", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}").status
        for n in range(11)
    ]
    assert statuses[-1] == 429


def test_throttles_count_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise redis.ConnectionError("down")

    sign_up("carol")
    with monkeypatch.context() as patched:
        patched.setattr(redis.Redis, "execute_command", unreachable)
        assert sign_in("carol").status == 200
        statuses = [sign_in("carol", "wrong guess").status for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_a_refresh_token_works_once_and_sent_again_ends_its_family() -> None:
    trader, bystander = make_trader(0), make_trader(0)
    renewed = renew(trader.refresh)
    assert renewed.status == 200
    assert Api(renewed.body["token"]).get("/user/orders").status == 200
    again = renew(trader.refresh)
    assert (again.status, again.code) == (401, "REFRESH_INVALID")
    assert renew(renewed.body["refresh"]).status == 401
    for token in (trader.api.token, renewed.body["token"]):
        assert Api(token).get("/user/orders").code == "SESSION_ENDED"
    session = Session.objects.get(user=trader.user)
    assert session.end_reason == EndReason.TOKEN_REUSED
    assert renew(bystander.refresh).status == 200


def test_another_session_of_the_same_user_outlives_a_reused_token() -> None:
    sign_up("alice")
    here, there = sign_in(), sign_in()
    renew(here.body["refresh"])
    renew(here.body["refresh"])
    assert renew(there.body["refresh"]).status == 200


@pytest.mark.django_db(transaction=True)
def test_a_refresh_token_raced_for_works_once() -> None:
    refresh = make_trader(0).refresh
    barrier = threading.Barrier(6)

    def race(_: int) -> int:
        barrier.wait()
        try:
            return renew(refresh).status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(race, range(6))) == [200] + [401] * 5


def test_signing_out_ends_one_session_of_one_user() -> None:
    trader, other = make_trader(0), make_trader(0)
    credentials = {"username": trader.user.username, "password": PASSWORD}
    second = Api().post("/auth/signin", credentials).body["refresh"]
    Api().post("/auth/signout", {"refresh": trader.refresh})
    assert Session.objects.exclude(ended_at=None).count() == 1
    assert renew(trader.refresh).code == "REFRESH_INVALID"
    for refresh in (second, other.refresh):
        assert renew(refresh).status == 200


def test_signing_out_ends_the_session_at_once() -> None:
    trader = make_trader(0)
    assert Api().post("/auth/signout", {"refresh": trader.refresh}).status == 200
    assert trader.api.get("/user/orders").code == "SESSION_ENDED"
    assert renew(trader.refresh).status == 401
    assert Api().post("/auth/signout", {"refresh": trader.refresh}).status == 401


def test_an_access_token_is_no_refresh_token_and_the_other_way_round() -> None:
    trader = make_trader(0)
    assert trader.api.token is not None
    assert Api().post("/auth/refresh", {"refresh": trader.api.token}).status == 401
    assert Api(trader.refresh).get("/user/orders").code == "TOKEN_INVALID"


def forged(**changes: Any) -> str:
    claims = dict(AccessToken().payload) | {"sub": "1", "sid": 1} | changes
    return jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "é.é.é",
        "Bearer",
        "x" * 5_000,
        jwt.encode({"sub": "1", "token_type": "access"}, "another key, long enough: 0123456789"),
        jwt.encode(
            {"sub": "1", "token_type": "access", "exp": 9_999_999_999}, "", algorithm="none"
        ),
        forged(sub="0"),
        forged(sub="-1"),
        forged(sub="99999999999999999999"),
        forged(sub="abc"),
        forged(sid=0),
        forged(sid="x"),
        forged(sid=None),
        forged(token_type="refresh"),
    ],
)
def test_forged_tokens_are_refused(token: str) -> None:
    answer = Api(token).get("/user/orders")
    assert (answer.status, answer.code) == (401, "TOKEN_INVALID")


def test_an_expired_token_is_told_so_even_after_it_was_verified() -> None:
    trader = make_trader(0)
    token = token_of(trader.user.pk, timedelta(seconds=-1))
    answer = Api(token).get("/user/orders")
    assert (answer.status, answer.code) == (401, "TOKEN_EXPIRED")


def test_a_verified_token_is_remembered_only_until_it_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    trader = make_trader(0)
    assert trader.api.get("/user/orders").status == 200
    expires = float(AccessToken(trader.api.token)["exp"])  # type: ignore[arg-type]
    monkeypatch.setattr("accounts.access.authentication.time.time", lambda: expires + 1)
    monkeypatch.setattr(AccessToken, "check_exp", refuse_as_expired)
    assert trader.api.get("/user/orders").status == 401


def refuse_as_expired(self: AccessToken, *args: Any, **kwargs: Any) -> None:
    from rest_framework_simplejwt.exceptions import ExpiredTokenError

    raise ExpiredTokenError("expired")


def test_no_token_is_told_what_to_send() -> None:
    answer = Api().get("/user/orders")
    assert (answer.status, answer.code) == (401, "NOT_AUTHENTICATED")
    basic = Api().send("GET", "/user/orders", HTTP_AUTHORIZATION="Basic YTpi")
    assert (basic.status, basic.code) == (401, "TOKEN_INVALID")


def test_old_sessions_are_forgotten_and_expired_ones_renew_nothing() -> None:
    kept, expired, old = make_trader(0), make_trader(0), make_trader(0)
    now = datetime.now(UTC)
    Session.objects.filter(user=expired.user).update(expires_at=now)
    Session.objects.filter(user=old.user).update(expires_at=now - KEPT_FOR)
    forget_old_sessions.apply()
    left = set(Session.objects.values_list("user_id", flat=True))
    assert left == {kept.user.pk, expired.user.pk}
    assert renew(expired.refresh).status == 401
    assert expired.api.get("/auth/sessions").body == {"sessions": []}  # and no reuse of a token
