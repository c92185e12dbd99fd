"""What traders are told by mail, and what they choose not to be."""

import json
from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest

from accounts.models import Person, Session, User
from accounts.notices import words
from accounts.notices.kinds import ALWAYS, MUTABLE, NoticeKind
from accounts.notices.places import place_of
from accounts.notices.telling import tell
from tests.accounts.test_sessions import sign_in
from tests.people.mailbox import Mailbox
from tests.trading.client import PASSWORD, Trader, make_trader

pytestmark = pytest.mark.django_db

HOME = {"REMOTE_ADDR": "203.0.113.7", "HTTP_USER_AGENT": "Mozilla/5.0 (X11) Firefox/128.0"}


def mute(trader: Trader, *kinds: str) -> None:
    body = json.dumps({"muted": kinds}).encode()
    answer = trader.api.send("PATCH", "/user/profile", body)
    assert answer.status == 200


@pytest.mark.parametrize("kind", NoticeKind)
def test_each_kind_has_its_words(kind: NoticeKind) -> None:
    names = {name for _, name, _, _ in Formatter().parse(words._BODIES[kind]) if name}
    text = words.body_of(kind, "alice", {name: f"<{name}>" for name in names})
    assert text.startswith("Account alice.")
    assert "{" not in text + words.subject_of(kind)


def test_a_sign_in_from_a_new_place(trader: Trader, mailbox: Mailbox) -> None:
    name = trader.user.username
    mailbox.forget()
    assert sign_in(name, **HOME).status == 200
    assert mailbox.subjects() == ["A sign-in from a new place"]
    assert "203.0.113.7" in mailbox.letters()[0].text
    near = {**HOME, "REMOTE_ADDR": "203.0.113.200"}
    newer = {**HOME, "HTTP_USER_AGENT": "Mozilla/5.0 (X11) Firefox/129.1"}
    for known in (HOME, near, newer):
        assert sign_in(name, **known).status == 200
    assert len(mailbox.letters()) == 1
    for strange in ({**HOME, "REMOTE_ADDR": "198.51.100.1"}, {**HOME, "HTTP_USER_AGENT": "curl"}):
        assert sign_in(name, **strange).status == 200
    assert len(mailbox.letters()) == 3


def test_a_place_is_forgotten_after_a_while(trader: Trader, mailbox: Mailbox) -> None:
    sign_in(trader.user.username, **HOME)
    mailbox.forget()
    Session.objects.update(renewed_at=datetime.now(UTC) - timedelta(days=91))
    sign_in(trader.user.username, **HOME)
    assert mailbox.subjects() == ["A sign-in from a new place"]


def test_a_wrong_password_is_no_sign_in(trader: Trader, mailbox: Mailbox) -> None:
    mailbox.forget()
    assert sign_in(trader.user.username, "wrong, surely", **HOME).status == 401
    assert mailbox.letters() == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("2001:db8:1::1", "x"), ("2001:db8:1:ffff::2", "x"), True),
        (("2001:db8:1::1", "x"), ("2001:db8:2::1", "x"), False),
        ((None, "x"), (None, "x"), True),
        (("203.0.113.7", "curl/8.1"), ("203.0.113.7", "curl/8.2"), True),
        (("203.0.113.7", "curl/8.1"), ("203.0.113.7", "wget/8.1"), False),
    ],
)
def test_places(one: Any, other: Any, same: bool) -> None:
    assert (place_of(*one) == place_of(*other)) is same


def test_a_key_that_was_made(trader: Trader, mailbox: Mailbox) -> None:
    mailbox.forget()
    body = {"name": "bot", "password": PASSWORD, "permissions": ["trade", "read"]}
    assert trader.api.post("/user/keys", body).status == 201
    assert mailbox.subjects() == ["An API key was made"]
    assert "read, trade" in mailbox.letters()[0].text


def test_a_password_that_was_changed(trader: Trader, mailbox: Mailbox) -> None:
    mailbox.forget()
    body = {"password": PASSWORD, "newPassword": "staple of my own"}
    answer = trader.api.post("/auth/password", body)
    assert answer.status == 200
    assert mailbox.subjects() == ["Your password was changed"]


def test_a_password_that_an_operator_set(trader: Trader, mailbox: Mailbox) -> None:
    mailbox.forget()
    user = User.objects.get(pk=trader.user.pk)
    user.set_password("staple of my own")
    user.save()
    assert mailbox.subjects() == ["Your password was changed"]


def test_what_was_muted_is_not_told(trader: Trader, mailbox: Mailbox) -> None:
    mute(trader, *MUTABLE)
    mailbox.forget()
    for kind in MUTABLE:
        assert kind not in ALWAYS
    sign_in(trader.user.username, **HOME)
    body = {"name": "bot", "password": PASSWORD, "permissions": ["read"]}
    assert trader.api.post("/user/keys", body).status == 201
    assert mailbox.letters() == []
    mute(trader)
    sign_in(trader.user.username, REMOTE_ADDR="192.0.2.1")
    assert len(mailbox.letters()) == 1


def test_a_mail_that_nobody_verified_is_told_nothing(mailbox: Mailbox) -> None:
    trader = make_trader(0)
    Person.objects.create(user=trader.user, mail="alice@example.com")
    sign_in(trader.user.username, **HOME)
    assert mailbox.letters() == []


def test_an_event_is_told_once(trader: Trader, mailbox: Mailbox) -> None:
    mailbox.forget()
    for _ in range(3):
        tell(trader.user.pk, NoticeKind.FACTOR_CHANGED, "7", change="x", address="y")
    assert len(mailbox.letters()) == 1
