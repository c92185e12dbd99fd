"""A provider of identities tells of levels by a signed webhook, once an event."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from accounts.models import IdentityEvent, User
from accounts.verification.levels import level_of
from tests.trading.client import Answer, Api

pytestmark = pytest.mark.django_db

SECRET = "of the provider"
NOW_MS = 1_764_000_000_000


@pytest.fixture(autouse=True)
def secrets(settings: Any) -> None:
    settings.IDENTITY_SECRETS = [SECRET, "the next"]


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("alice")


def tell(said: Any, *, secret: str = SECRET, at_ms: int | None = None, **headers: Any) -> Answer:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    timestamp = str(time.time_ns() // 1_000_000 if at_ms is None else at_ms)
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    sent = {
        "HTTP_X_WEBHOOK_TIMESTAMP": timestamp,
        "HTTP_X_WEBHOOK_SIGNATURE": signature.hexdigest(),
    } | headers
    return Api().send("POST", "/webhooks/identity", body, **sent)


def event(user: User, event_id: str = "e1", level: Any = 2, occurred_ms: Any = NOW_MS) -> Any:
    return {"eventId": event_id, "userId": user.pk, "level": level, "occurredMs": occurred_ms}


def test_a_level_is_said(user: User) -> None:
    assert level_of(user.pk) == 0
    answer = tell(event(user))
    assert (answer.status, answer.body) == (200, {"outcome": "level 2"})
    assert level_of(user.pk) == 2
    assert tell(event(user, "e2", 1, NOW_MS + 1), secret="the next").status == 200
    assert level_of(user.pk) == 1


def test_an_event_counts_once(user: User) -> None:
    answers = [tell(event(user)) for _ in range(3)]
    assert len({str(answer) for answer in answers}) == 1
    assert IdentityEvent.objects.count() == 1
    other = tell(event(user, level=3))
    assert (other.status, other.code) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert level_of(user.pk) == 2


def test_what_overtakes_is_not_overtaken(user: User) -> None:
    tell(event(user, "newer", 3, NOW_MS + 5))
    assert tell(event(user, "older", 1)).body["outcome"] == "older than what is known"
    assert level_of(user.pk) == 3


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"HTTP_X_WEBHOOK_SIGNATURE": ""}, "INVALID_SIGNATURE"),
        ({"HTTP_X_WEBHOOK_SIGNATURE": "0" * 64}, "INVALID_SIGNATURE"),
        ({"HTTP_X_WEBHOOK_SIGNATURE": "é"}, "INVALID_SIGNATURE"),
        ({"HTTP_X_WEBHOOK_TIMESTAMP": "1"}, "INVALID_SIGNATURE"),
        ({"HTTP_X_WEBHOOK_TIMESTAMP": ""}, "INVALID_SIGNATURE"),
    ],
)
def test_what_is_not_signed_is_refused(user: User, headers: dict[str, Any], code: str) -> None:
    answer = tell(event(user), **headers)
    assert (answer.status, answer.code) == (401, code)
    assert not IdentityEvent.objects.exists()


def test_another_secret_signs_nothing(user: User) -> None:
    assert tell(event(user), secret="another").code == "INVALID_SIGNATURE"


@pytest.mark.parametrize("away_ms", [-300_500, 300_500, -NOW_MS])
def test_an_old_request_is_refused(user: User, away_ms: int) -> None:
    answer = tell(event(user), at_ms=time.time_ns() // 1_000_000 + away_ms)
    assert (answer.status, answer.code) == (401, "TIMESTAMP_OUTSIDE_WINDOW")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"level": 4}, 400), ({"level": -1}, 400), ({"level": "2"}, 400), ({"level": 2**40}, 400),
        ({"eventId": ""}, 400), ({"eventId": "a b"}, 400), ({"eventId": "x" * 101}, 400),
        ({"userId": 2**62}, 404), ({"userId": 2**70}, 404), ({"userId": 0}, 404),
        ({"occurredMs": 2**60}, 400), ({"occurredMs": -(2**60)}, 400),
        ({"occurredMs": 4_000_000_000_000}, 400), ({"more": 1}, 400),
    ],
)  # fmt: skip
def test_rubbish_that_is_signed(user: User, changes: dict[str, Any], status: int) -> None:
    assert tell(event(user) | changes).status == status
    assert not IdentityEvent.objects.exists()


def test_what_is_no_json(user: User) -> None:
    assert tell(b"{").status == 400
    assert tell(b"[]").status == 400


def test_without_a_secret_there_is_no_such_webhook(user: User, settings: Any) -> None:
    settings.IDENTITY_SECRETS = []
    assert tell(event(user)).status == 404
