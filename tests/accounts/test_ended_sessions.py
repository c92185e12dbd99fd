"""What ends a session, and how soon everybody knows."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import redis
from django.db import connection

from accounts.access import refusals as refusals_module
from accounts.access import sessions
from accounts.access.refusals import (
    ENDED_SESSIONS_KEY,
    POSTGRES_REFRESH_S,
    REDIS_REFRESH_S,
    Refusals,
    announce_ended,
)
from accounts.access.tokens import read_access
from accounts.models import EndReason, Session, User
from accounts.services import resume_user, suspend_user
from common.errors import DomainError
from tests.trading.client import PASSWORD, Api, make_trader

CLOCK = "accounts.access.refusals.time.monotonic"

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "staple of my own"


from tests.accounts.test_sessions import renew, sign_in, sign_up  # noqa: E402


def test_the_database_holds_nothing_that_could_be_sent() -> None:
    trader = make_trader(0)
    access = jwt.decode(str(trader.api.token), options={"verify_signature": False})
    refresh = jwt.decode(trader.refresh, options={"verify_signature": False})
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(s::text, ' ') FROM accounts_session s")
        (kept,) = cursor.fetchone()
    for secret in (trader.refresh, trader.api.token, refresh["jti"], access["jti"]):
        assert secret not in kept


def test_a_trader_lists_and_ends_sessions() -> None:
    alice, bob = make_trader(0), make_trader(0)
    name = {"username": alice.user.username, "password": PASSWORD}
    second = Api(Api().post("/auth/signin", name).body["token"])
    third = Api().send(
        "POST", "/auth/signin", json.dumps(name).encode(), HTTP_USER_AGENT="bot\n\u202e 1.0"
    )
    listed = alice.api.get("/auth/sessions").body["sessions"]
    assert [s["current"] for s in listed] == [False, False, True]
    assert listed[0]["client"] == "bot 1.0"
    assert listed[0]["address"] == "127.0.0.1"

    own = listed[1]["sessionId"]
    assert bob.api.delete(f"/auth/sessions/{own}").code == "SESSION_NOT_FOUND"
    assert second.get("/user/orders").status == 200
    assert alice.api.delete(f"/auth/sessions/{own}").status == 200
    assert second.get("/user/orders").code == "SESSION_ENDED"
    assert alice.api.delete(f"/auth/sessions/{own}").status == 404
    assert alice.api.delete("/auth/sessions/99999999999999999999").status == 404

    assert alice.api.delete("/auth/sessions").body == {"ended": 1}
    assert Api(third.body["token"]).get("/user/orders").code == "SESSION_ENDED"
    assert renew(third.body["refresh"]).status == 401
    assert [s["current"] for s in alice.api.get("/auth/sessions").body["sessions"]] == [True]
    assert bob.api.get("/user/orders").status == 200


def test_a_new_password_ends_every_session() -> None:
    alice, bob = make_trader(0), make_trader(0)
    wrong = {"password": "not it at all", "newPassword": NEW_PASSWORD}
    assert alice.api.post("/auth/password", wrong).code == "WRONG_PASSWORD"
    assert renew(alice.refresh).status == 200
    same = {"password": PASSWORD, "newPassword": PASSWORD}
    assert alice.api.post("/auth/password", same).body["field"] == "newPassword"
    weak = {"password": PASSWORD, "newPassword": " " * 12}
    assert alice.api.post("/auth/password", weak).body["field"] == "newPassword"
    changed = alice.api.post("/auth/password", {"password": PASSWORD, "newPassword": NEW_PASSWORD})
    assert changed.status == 200
    assert alice.api.get("/user/orders").code == "SESSION_ENDED"
    assert Api(changed.body["token"]).get("/user/orders").status == 200
    assert sign_in(alice.user.username).status == 401
    assert sign_in(alice.user.username, NEW_PASSWORD).status == 200
    assert bob.api.get("/user/orders").status == 200


def test_guesses_at_a_password_with_a_stolen_token_are_throttled() -> None:
    alice = make_trader(0)
    wrong = {"password": "not it at all", "newPassword": NEW_PASSWORD}
    statuses = [alice.api.post("/auth/password", wrong).status for _ in range(11)]
    assert statuses == [403] * 10 + [429]


def test_a_password_set_anywhere_else_ends_sessions_too() -> None:
    trader = make_trader(0)
    user = User.objects.get(pk=trader.user.pk)
    user.set_password(NEW_PASSWORD)  # as the admin's form and `manage.py changepassword` do
    user.save()
    assert renew(trader.refresh).status == 401
    assert trader.api.get("/user/orders").code == "SESSION_ENDED"
    assert Session.objects.get(user=user).end_reason == EndReason.PASSWORD_CHANGED


def test_suspension_ends_sessions_for_good() -> None:
    trader = make_trader(0)
    suspend_user(trader.user)
    resume_user(trader.user)
    assert trader.api.get("/user/orders").code == "SESSION_ENDED"
    assert renew(trader.refresh).status == 401


def test_the_session_used_longest_ago_makes_room() -> None:
    sign_up("alice")
    first = Session.objects.get()
    for _ in range(sessions.OPEN_SESSIONS_MAX):
        sessions.open_session(first.user, sessions.Origin(None, ""))
    first.refresh_from_db()
    assert first.end_reason == EndReason.CROWDED_OUT
    assert sessions.open_sessions(first.user.pk).count() == sessions.OPEN_SESSIONS_MAX


@pytest.mark.django_db(transaction=True)
def test_other_processes_learn_of_an_ended_session_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = Refusals()
    trader = make_trader(0)
    claims = read_access(str(trader.api.token))
    elsewhere.check(claims.user_id, claims.session_id)
    now = time.monotonic()
    Api().post("/auth/signout", {"refresh": trader.refresh})
    monkeypatch.setattr(CLOCK, lambda: now + REDIS_REFRESH_S + 0.1)
    with pytest.raises(DomainError, match="has ended"):
        elsewhere.check(claims.user_id, claims.session_id)
    assert REDIS_REFRESH_S <= 5


@pytest.mark.django_db(transaction=True)
def test_without_redis_they_learn_of_it_from_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise redis.ConnectionError("down")

    monkeypatch.setattr(refusals_module, "request_redis_client", away)
    elsewhere = Refusals()
    trader = make_trader(0)
    claims = read_access(str(trader.api.token))
    elsewhere.check(claims.user_id, claims.session_id)
    now = time.monotonic()
    Api().post("/auth/signout", {"refresh": trader.refresh})
    monkeypatch.setattr(CLOCK, lambda: now + POSTGRES_REFRESH_S + 0.1)
    with pytest.raises(DomainError, match="has ended"):
        elsewhere.check(claims.user_id, claims.session_id)


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_forgot_takes_no_refusal_back(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Refusals()
    trader = make_trader(0)
    claims = read_access(str(trader.api.token))
    Api().post("/auth/signout", {"refresh": trader.refresh})
    now = time.monotonic()
    for later in (0.0, REDIS_REFRESH_S + 0.1):
        monkeypatch.setattr(CLOCK, lambda at=now + later: at)
        with pytest.raises(DomainError, match="has ended"):
            elsewhere.check(claims.user_id, claims.session_id)
        redis_db.flushdb()


def test_the_list_of_ended_sessions_is_bounded(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals_module, "ENDED_SESSIONS_MAX", 10)
    now = datetime.now(UTC)
    announce_ended([1], now - timedelta(days=1))  # has run out already
    for n in range(30):
        announce_ended([100 + n], now + timedelta(milliseconds=n))
    members: Any = redis_db.zrange(ENDED_SESSIONS_KEY, 0, -1)
    assert [int(member) for member in members] == list(range(120, 130))
    assert redis_db.pttl(ENDED_SESSIONS_KEY) > 0
