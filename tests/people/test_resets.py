"""A forgotten password is set by whoever reads the mail of the account, and by nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.factors.locks import withdrawals_locked_until
from accounts.models import EndReason, PasswordReset, Person, ResetRequest, Session, User
from accounts.people.resets import MADE_AN_HOUR_MAX, write_resets
from accounts.services import suspend_user
from accounts.staff.sessions import staff_sessions_of
from tests.accounts.test_sessions import sign_in
from tests.people.mailbox import Letter, Mailbox
from tests.trading.client import PASSWORD, Api, Trader, forget_limits_used, make_trader

pytestmark = pytest.mark.django_db

NEW = "staple of my own"


def ask(name: str) -> Any:
    return Api().post("/auth/password/reset", {"username": name})


def confirm(token: str, password: str = NEW) -> Any:
    return Api().post("/auth/password/reset/confirm", {"token": token, "newPassword": password})


def letters_of(trader: Trader, mailbox: Mailbox) -> list[Letter]:
    write_resets()
    mails = mailbox.letters(f"{trader.user.username}@example.com")
    return [letter for letter in mails if letter.subject == "Set a new password"]


@pytest.mark.parametrize("by", ["name", "NAME", "mail", "MAIL"])
def test_a_password_is_set_by_mail(trader: Trader, mailbox: Mailbox, by: str) -> None:
    name = trader.user.username
    typed = name if by.lower() == "name" else f"{name}@example.com"
    assert ask(typed.upper() if by.isupper() else typed).status == 202
    (letter,) = letters_of(trader, mailbox)
    assert not ResetRequest.objects.exists()
    assert confirm(letter.token).status == 200
    assert sign_in(name, PASSWORD).status == 401
    assert sign_in(name, NEW).status == 200


def test_it_ends_all_sessions_and_is_told(trader: Trader, mailbox: Mailbox) -> None:
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    assert confirm(letter.token).status == 200
    session = Session.objects.get(user=trader.user)
    assert session.end_reason == EndReason.PASSWORD_CHANGED
    assert trader.api.get("/user/profile").status == 401
    assert mailbox.subjects()[-1] == "Your password was changed"


def test_a_token_works_once(trader: Trader, mailbox: Mailbox) -> None:
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    assert confirm(letter.token).status == 200
    assert confirm(letter.token, "another of my own").code == "MAIL_TOKEN_INVALID"


def test_a_bad_password_leaves_the_token(trader: Trader, mailbox: Mailbox) -> None:
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    refused = confirm(letter.token, "short")
    assert (refused.status, refused.body["field"]) == (400, "newPassword")
    assert confirm(letter.token).status == 200


def test_a_token_is_bound_to_the_password_it_replaces(trader: Trader, mailbox: Mailbox) -> None:
    for _ in range(2):
        ask(trader.user.username)
    first, second = letters_of(trader, mailbox)
    assert confirm(second.token).status == 200
    assert confirm(first.token, "another of my own").code == "MAIL_TOKEN_INVALID"


def test_a_token_runs_out(trader: Trader, mailbox: Mailbox) -> None:
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    reset = PasswordReset.objects.get()
    assert reset.expires_at - reset.made_at < timedelta(minutes=31)
    PasswordReset.objects.update(expires_at=datetime.now(UTC))
    assert confirm(letter.token).code == "MAIL_TOKEN_INVALID"


def test_no_money_leaves_for_a_day(trader: Trader, mailbox: Mailbox) -> None:
    assert withdrawals_locked_until(trader.user.pk) is None
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    assert withdrawals_locked_until(trader.user.pk) is None
    confirm(letter.token)
    until = withdrawals_locked_until(trader.user.pk)
    assert until is not None
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)
    PasswordReset.objects.update(used_at=datetime.now(UTC) - timedelta(hours=24))
    assert withdrawals_locked_until(trader.user.pk) is None


def test_who_is_nobody_here_gets_nothing(trader: Trader, mailbox: Mailbox) -> None:
    """A mail that was not verified, a suspended trader, an operator."""
    unverified = make_trader(0)
    Person.objects.create(user=unverified.user, mail="unverified@example.com")
    suspended = make_trader(0)
    mailbox.verify(suspended, "suspended@example.com")
    suspend_user(User.objects.get(pk=suspended.user.pk))
    User.objects.filter(pk=trader.user.pk).update(is_staff=True)
    mailbox.forget()
    typed = [
        unverified.user.username, "unverified@example.com", suspended.user.username,
        "suspended@example.com", trader.user.username, "nobody", "nobody@example.com",
    ]  # fmt: skip
    answers = {(answer.status, str(answer.body)) for answer in map(ask, typed)}
    assert len(answers) == 1
    write_resets()
    assert mailbox.letters() == []
    assert not PasswordReset.objects.exists()
    assert not staff_sessions_of(trader.user.pk).exists()


def test_who_is_an_operator_since_keeps_the_password(trader: Trader, mailbox: Mailbox) -> None:
    """Whoever reads a mail is no operator."""
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    User.objects.filter(pk=trader.user.pk).update(is_staff=True)
    assert confirm(letter.token).code == "MAIL_TOKEN_INVALID"
    assert User.objects.get(pk=trader.user.pk).check_password(PASSWORD)


def test_who_was_suspended_since_stays_so(trader: Trader, mailbox: Mailbox) -> None:
    ask(trader.user.username)
    (letter,) = letters_of(trader, mailbox)
    suspend_user(User.objects.get(pk=trader.user.pk))
    assert confirm(letter.token).code == "MAIL_TOKEN_INVALID"


def test_each_account_of_a_mail_has_its_token(trader: Trader, mailbox: Mailbox) -> None:
    mail = f"{trader.user.username}@example.com"
    other = make_trader(0)
    mailbox.verify(other, mail)
    mailbox.forget()
    ask(mail)
    letters = letters_of(trader, mailbox)
    assert len({letter.token for letter in letters}) == 2
    told = [name for one in letters for name in (trader.user.username, other.user.username)
            if f"Account {name}." in one.text]  # fmt: skip
    assert sorted(told) == sorted([trader.user.username, other.user.username])


def test_nobody_is_mailed_without_end(trader: Trader, mailbox: Mailbox) -> None:
    """By name and by address of who asks; and whatever Redis forgot, by account."""
    statuses = [ask(trader.user.username).status for _ in range(8)]
    assert statuses == [202] * 6 + [429] * 2
    forget_limits_used()
    ask(trader.user.username)
    assert len(letters_of(trader, mailbox)) == MADE_AN_HOUR_MAX


@pytest.mark.parametrize("typed", ["", " ", "a" * 255])
def test_what_is_no_name_is_refused(typed: str) -> None:
    assert ask(typed).status == 400
    assert not ResetRequest.objects.exists()


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "é" * 43, "x" * 10_000])
def test_what_is_no_token_is_refused(token: str, trader: Trader) -> None:
    answer = confirm(token)
    assert (answer.status, answer.code) == (400, "MAIL_TOKEN_INVALID")
    assert sign_in(trader.user.username).status == 200
