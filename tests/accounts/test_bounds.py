"""Bounds of passwords, names, waits and lists, each from both sides."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.test import Client

from accounts.access import authentication, guesses
from accounts.access.refusals import ENDED_SESSIONS_KEY, announce_ended
from accounts.access.tokens import access_lifetime
from accounts.models import Session, User
from accounts.throttles import GUESSES, SIGN_UPS
from common.errors import DomainError, ErrorCode
from common.limits.budgets import Ask, Rate, spend
from tests.accounts.test_sessions import sign_in, sign_up
from tests.trading.client import PASSWORD, make_trader, token_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("password", "is_taken"),
    [
        ("qxwvqxwvqxwv", True),  # four different characters
        ("qxwqxwqxwqxw", False),
        ("correct-" * 16, True),  # 128
        ("correct-" * 16 + "x", False),
    ],
)
def test_a_password_at_its_bounds(password: str, is_taken: bool) -> None:
    assert sign_up("alice", password).status == (201 if is_taken else 400)
    trader = make_trader(0)
    body = {"password": PASSWORD, "newPassword": password}
    assert trader.api.post("/auth/password", body).status == (200 if is_taken else 400)
    if is_taken:
        assert sign_in("alice", password).status == 200
        assert sign_in(trader.user.username, password).status == 200


def test_the_longest_name() -> None:
    assert sign_up("a" * 64).status == 201
    assert sign_in("a" * 64).status == 200
    assert sign_up("b" * 65).status == 400


def test_a_new_password_that_is_the_old_one_is_none() -> None:
    trader = make_trader(0)
    for new, status in ((PASSWORD, 400), ("a" + PASSWORD, 200)):  # one that sorts before it
        body = {"password": PASSWORD, "newPassword": new}
        assert trader.api.post("/auth/password", body).status == status


@pytest.mark.parametrize("wait_s", [1, 2, 30])
def test_who_must_wait_is_told_how_long(monkeypatch: pytest.MonkeyPatch, wait_s: int) -> None:
    monkeypatch.setattr(guesses, "attempt", lambda *_: wait_s)
    body = json.dumps({"username": "alice", "password": PASSWORD})
    answer = Client().post("/auth/signin", body, "application/json")
    assert (answer.status_code, answer["Retry-After"]) == (429, str(wait_s))


@pytest.mark.parametrize(("rate", "burst"), [(GUESSES, 30), (SIGN_UPS, 60)])
def test_so_many_at_once_and_no_more(redis_db: redis.Redis, rate: Rate, burst: int) -> None:
    """In one script, so at one time of Redis: nothing comes back meanwhile."""
    standings = spend([Ask("someone", rate)] * (burst + 2))
    assert [standing.granted for standing in standings] == [True] * burst + [False] * 2
    assert standings[0].remaining == burst - 1
    assert standings[-1].retry_s == rate.period_s // rate.count


def test_a_token_speaks_for_somebody_who_is_signed_in() -> None:
    user = authentication.TokenUser(7, 8)
    assert (user.id, user.session_id) == (7, 8)
    assert user.is_authenticated is user.is_active is True


def test_an_address_that_is_none_counts_like_nobodys(settings: Any) -> None:
    sign_up("alice")
    for address in ("", "unix:", "300.1.1.1"):
        assert sign_in(REMOTE_ADDR=address).status == 200
        assert Session.objects.order_by("pk").last().address is None  # type: ignore[union-attr]
    statuses = [sign_in("x", "wrong guess", REMOTE_ADDR=f"unix:{n}").status for n in range(11)]
    assert statuses == [401] * 10 + [429]


def test_a_verified_token_that_has_run_out_is_kept_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = authentication._verified_tokens._known
    short, others = token_of(7, timedelta(seconds=30)), [token_of(n) for n in (1, 2, 3)]
    authentication.authenticate_token(short)
    assert short in known
    monkeypatch.setattr("accounts.access.authentication.time.time", lambda: known[short].expires_s)
    monkeypatch.setattr(authentication, "read_access", _expired)
    with pytest.raises(DomainError, match="has expired"):
        authentication.authenticate_token(short)
    assert short not in known
    monkeypatch.undo()
    monkeypatch.setattr(authentication, "VERIFIED_TOKENS_MAX", 2)
    known.clear()
    for token in others:
        authentication.authenticate_token(token)
    assert list(known) == others[2:]


def _expired(token: str) -> Any:
    raise DomainError(ErrorCode.TOKEN_EXPIRED, "The token has expired.")


def test_what_has_run_out_leaves_the_list_of_ended_sessions(redis_db: redis.Redis) -> None:
    now = datetime.now(UTC)
    announce_ended([1], now - access_lifetime() - timedelta(seconds=5))
    announce_ended([2, 3], now - access_lifetime() + timedelta(minutes=1))
    members: Any = redis_db.zrange(ENDED_SESSIONS_KEY, 0, -1)
    assert [int(member) for member in members] == [2, 3]
    announce_ended([4], now)
    needed_until_ms: Any = redis_db.zscore(ENDED_SESSIONS_KEY, "4")
    pipe: Any = redis_db.pipeline()
    (seconds, micros), left_ms = pipe.time().pttl(ENDED_SESSIONS_KEY).execute()
    assert seconds * 1_000 + micros // 1_000 + left_ms > needed_until_ms


def test_the_session_that_asks_is_the_current_one() -> None:
    trader = make_trader(0)
    sign_in(trader.user.username)
    sessions = trader.api.get("/auth/sessions").body["sessions"]
    assert sorted(session["current"] for session in sessions) == [False, True]
    newest = max(sessions, key=lambda session: session["sessionId"])
    assert not newest["current"]
    assert User.objects.filter(pk=trader.user.pk, sessions__pk=newest["sessionId"]).exists()
