"""A mail counts once its owner has shown that it is theirs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Person
from accounts.people.profile import VERIFY_WITHIN
from mails.models import Mail
from tests.builders.factors import make_app
from tests.people.mailbox import Mailbox
from tests.trading.client import PASSWORD, Api, Trader, make_trader

pytestmark = pytest.mark.django_db


def ask(trader: Trader, mail: str, password: str = PASSWORD) -> Any:
    return trader.api.post("/user/mail", {"mail": mail, "password": password})


def verify(token: str) -> Any:
    return Api().post("/auth/mail/verify", {"token": token})


def test_a_mail_counts_once_it_is_verified(mailbox: Mailbox) -> None:
    trader = make_trader(0)
    assert ask(trader, " alice@example.com ").status == 202
    profile = trader.api.get("/user/profile").body
    assert (profile["mail"], profile["mailVerified"]) == ("", False)
    assert profile["newMail"] == "alice@example.com"
    (letter,) = mailbox.letters("alice@example.com")
    assert trader.user.username in letter.text
    assert verify(letter.token).status == 200
    profile = trader.api.get("/user/profile").body
    assert (profile["mail"], profile["mailVerified"]) == ("alice@example.com", True)
    assert profile["newMail"] == ""


def test_a_token_works_once_and_only_the_newest(mailbox: Mailbox) -> None:
    trader = make_trader(0)
    for address in ("one@example.com", "two@example.com"):
        assert ask(trader, address).status == 202
    first, second = mailbox.letters()
    refused = verify(first.token)
    assert (refused.status, refused.code) == (400, "MAIL_TOKEN_INVALID")
    assert verify(second.token).status == 200
    assert verify(second.token).code == "MAIL_TOKEN_INVALID"
    assert Person.objects.get(user=trader.user).mail == "two@example.com"


def test_a_token_runs_out(mailbox: Mailbox) -> None:
    trader = make_trader(0)
    ask(trader, "alice@example.com")
    (letter,) = mailbox.letters()
    Person.objects.update(new_mail_until=datetime.now(UTC) - timedelta(seconds=1))
    assert verify(letter.token).code == "MAIL_TOKEN_INVALID"
    assert timedelta(hours=24) == VERIFY_WITHIN


def test_a_token_is_void_with_what_it_was_asked_with(mailbox: Mailbox) -> None:
    """Who knew the password gave an address of theirs, and waits: the owner has taken the account
    back with a new password, or with a first second factor."""
    trader, other = make_trader(0), make_trader(0)
    for asked in (trader, other):
        ask(asked, "thief@example.com")
    of_trader, of_other = mailbox.letters("thief@example.com")
    change = {"password": PASSWORD, "newPassword": "staple of my own"}
    trader.api.token = trader.api.post("/auth/password", change).body["token"]
    make_app(other.user)
    for letter in (of_trader, of_other):
        assert verify(letter.token).code == "MAIL_TOKEN_INVALID"
    assert not Person.objects.exclude(mail="").exists()
    assert ask(trader, "alice@example.com", "staple of my own").status == 202
    assert verify(mailbox.letters("alice@example.com")[-1].token).status == 200


def test_the_mail_before_is_told_and_counts_until_then(trader: Trader, mailbox: Mailbox) -> None:
    old = f"{trader.user.username}@example.com"
    mailbox.forget()
    ask(trader, "new@example.com")
    assert mailbox.subjects(old) == []
    assert verify(mailbox.letters("new@example.com")[-1].token).status == 200
    assert mailbox.subjects(old) == ["Your mail address was changed"]
    assert "new@example.com" in mailbox.letters(old)[0].text


@pytest.mark.parametrize(
    "mail",
    [
        "", "alice", "alice@", "a b@example.com", "x" * 250 + "@example.com",
        "alice@example.com\nBcc: bob@example.com", "alice@example.com\r\nSubject: x",
        "alice@example.com, bob@example.com", "Alice <alice@example.com>",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(mail: str, mailbox: Mailbox) -> None:
    answer = ask(make_trader(0), mail)
    assert (answer.status, answer.body["field"]) == (400, "mail")
    assert mailbox.letters() == []


def test_it_takes_the_password(mailbox: Mailbox) -> None:
    answer = ask(make_trader(0), "alice@example.com", "wrong, surely")
    assert (answer.status, answer.code) == (403, "WRONG_PASSWORD")
    assert mailbox.letters() == []


def test_nobody_fills_a_mailbox_by_way_of_many_accounts(mailbox: Mailbox) -> None:
    statuses = [ask(make_trader(0), "victim@example.com").status for _ in range(14)]
    assert statuses == [202] * 10 + [429] * 4


def test_a_link_leads_to_where_traders_pages_are(mailbox: Mailbox, settings: Any) -> None:
    settings.PUBLIC_URL = "https://exchange.example"
    ask(make_trader(0), "alice@example.com")
    (letter,) = mailbox.letters()
    assert f"https://exchange.example/verify-mail#token={letter.token}" in letter.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a\nb"}, "name"),
        ({"name": "a" * 201}, "name"),
        ({"country": "ch"}, "country"),
        ({"country": "CHE"}, "country"),
        ({"muted": ["password_changed"]}, "muted"),
        ({"muted": ["nonsense"]}, "muted"),
        ({"marginCallPercent": 0}, "marginCallPercent"),
        ({"marginCallPercent": 101}, "marginCallPercent"),
        ({"mail": "alice@example.com"}, "mail"),
    ],
)
def test_a_profile_that_is_none(changes: dict[str, Any], field: str) -> None:
    trader = make_trader(0)
    answer = trader.api.send("PATCH", "/user/profile", json.dumps(changes).encode())
    assert (answer.status, answer.body["field"]) == (400, field)
    assert not Person.objects.exists()


def test_a_profile_is_changed_by_what_is_given() -> None:
    trader = make_trader(0)
    body = b'{"name": "Alice <b>", "country": "CH", "muted": ["key_made"], "marginCallPercent": 60}'
    assert trader.api.send("PATCH", "/user/profile", body).status == 200
    profile = trader.api.send("PATCH", "/user/profile", b'{"country": ""}').body
    assert (profile["name"], profile["country"]) == ("Alice <b>", "")
    assert (profile["muted"], profile["marginCallPercent"]) == (["key_made"], 60)


def test_no_row_has_a_token(mailbox: Mailbox) -> None:
    ask(make_trader(0), "alice@example.com")
    mail = Mail.objects.get()
    assert "{secret}" in mail.body
    (letter,) = mailbox.letters()
    mail.refresh_from_db()
    assert mail.sealed is None
    assert letter.token not in mail.body
