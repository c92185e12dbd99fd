"""What a stranger, a thief and an operator alone can't learn or do about people."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.factors.locks import withdrawals_locked_until
from accounts.models import Closure, Person, Session, User
from accounts.people.resets import write_resets
from approvals.models import Proposal
from common.admin.record_urls import list_path, list_url, url_of
from console.audit.models import AuditRow
from mails.models import Mail
from tests.accounts.test_sessions import renew
from tests.people.mailbox import Mailbox
from tests.trading.client import PASSWORD, Api, Trader, make_trader

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return Mailbox()


@pytest.fixture
def alice(mailbox: Mailbox, redis_db: object) -> Trader:
    trader = make_trader(0)
    mailbox.verify(trader, "alice@example.com")
    return trader


def ask_reset(name: str) -> Any:
    return Api().post("/auth/password/reset", {"username": name})


def test_a_reset_tells_nothing(alice: Trader) -> None:
    """The same answer, after the same statements: whose it is, a task finds out."""
    shown = []
    for name in (alice.user.username, "alice@example.com", "nobody", "nobody@example.com"):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = ask_reset(name)
        statements = [query["sql"].replace(name, "NAME") for query in asked]
        shown.append((answer.status, answer.body, [one for one in statements if "accounts" in one]))
    assert shown.count(shown[0]) == len(shown)
    assert shown[0][0] == 202


def test_giving_a_mail_tells_nothing_of_who_else_has_it(alice: Trader) -> None:
    other = make_trader(0)
    answers = [
        other.api.post("/user/mail", {"mail": mail, "password": PASSWORD})
        for mail in ("alice@example.com", "nobody@example.com")
    ]
    assert len({str(answer) for answer in answers}) == 1


def test_a_copy_of_the_database_opens_no_account(alice: Trader, settings: Any) -> None:
    """Neither the rows nor the mails that wait have a token in them."""
    ask_reset(alice.user.username)
    write_resets()
    alice.api.post("/user/mail", {"mail": "new@example.com", "password": PASSWORD})
    settings.MAIL_IS_SENT = True
    tables = connection.introspection.table_names()
    dump = ""
    with connection.cursor() as cursor:
        for table in tables:
            if table.startswith(("accounts_", "mails_")):
                cursor.execute(f'SELECT * FROM "{table}"')
                dump += str(cursor.fetchall())
    tokens = [letter.token for letter in Mailbox().letters() if "works once" in letter.text]
    assert len(tokens) == 3
    for token in tokens:
        assert token not in dump


def test_a_token_is_good_for_one_thing(alice: Trader, mailbox: Mailbox) -> None:
    mailbox.forget()
    ask_reset(alice.user.username)
    write_resets()
    alice.api.post("/user/mail", {"mail": "new@example.com", "password": PASSWORD})
    (reset,) = mailbox.letters("alice@example.com")
    (verification,) = mailbox.letters("new@example.com")
    assert Api().post("/auth/mail/verify", {"token": reset.token}).status == 400
    body = {"token": verification.token, "newPassword": "staple of my own"}
    assert Api().post("/auth/password/reset/confirm", body).status == 400


def test_an_operator_reads_no_token(
    alice: Trader, client_of: Callable[[str], Client], settings: Any
) -> None:
    """Else whoever sees mails could be any trader. The demo, where one is alone, shows it."""
    ask_reset(alice.user.username)
    write_resets()
    waiting = Mail.objects.get(subject="Set a new password")
    client = client_of("superuser")
    text = client.get(url_of(Mail, waiting.pk)).content.decode()
    assert "only in the mail itself" in text
    Mailbox().letters()
    token = next(one for one in Mailbox().letters() if one.subject == waiting.subject).token
    assert token not in text
    assert token not in client.get(url_of(Mail, waiting.pk)).content.decode()


def test_the_demo_shows_what_it_did_not_send(
    alice: Trader, client_of: Callable[[str], Client], settings: Any
) -> None:
    settings.DEMO = True
    ask_reset(alice.user.username)
    write_resets()
    waiting = Mail.objects.get(subject="Set a new password")
    page = client_of("superuser").get(url_of(Mail, waiting.pk)).content.decode()
    (letter,) = [one for one in Mailbox().letters() if one.subject == waiting.subject]
    assert letter.token in page


def test_an_operator_alone_erases_nobody(alice: Trader, client_of: Callable[[str], Client]) -> None:
    assert alice.api.post("/user/close", {"password": PASSWORD}).status == 200
    said = {"action": "erase", "confirmed": "yes", "reason": "x"}
    said["_selected_action"] = str(Closure.objects.get().pk)
    client_of("superuser").post(list_path(Closure), said)
    assert Person.objects.filter(user=alice.user).exists()
    assert Proposal.objects.get().kind == "erase_person"


def test_a_renewed_session_is_no_fresh_one(alice: Trader) -> None:
    """Who stole a refresh token has the trader's API, and not all that is kept of them."""
    Session.objects.update(opened_at=datetime.now(UTC) - timedelta(hours=1))
    renewed = renew(alice.refresh)
    thief = Api(renewed.body["token"])
    assert thief.get("/user/profile").status == 200
    assert thief.get("/user/data").code == "SIGN_IN_AGAIN"
    for path, body in (
        ("/user/mail", {"mail": "thief@example.com", "password": "guess at it 1"}),
        ("/user/close", {"password": "guess at it 2"}),
    ):
        assert thief.post(path, body).code == "WRONG_PASSWORD"
    assert Person.objects.get(user=alice.user).new_mail == ""


def test_guesses_by_way_of_other_calls_wait_as_at_the_password(alice: Trader) -> None:
    statuses = [
        alice.api.post(path, {"password": f"guess {number}", **more}).status
        for number in range(6)
        for path, more in (("/user/close", {}), ("/user/mail", {"mail": "thief@example.com"}))
    ]
    assert statuses[:10] == [403] * 10
    assert set(statuses[10:]) == {429}


def test_a_key_does_none_of_it(alice: Trader, key: Any) -> None:
    for method, path in (
        ("GET", "/user/profile"), ("PATCH", "/user/profile"), ("POST", "/user/mail"),
        ("POST", "/user/close"), ("GET", "/user/data"), ("POST", "/user/terms"),
        ("GET", "/auth/sign-ins"), ("GET", "/auth/sign-ins/failed"),
    ):  # fmt: skip
        answer = Api().send(method, path, b"", **key.headers(method, path))
        assert (answer.status, answer.code) == (403, "SCOPE_MISSING"), path


def test_what_a_stranger_types_stands_in_no_head_of_a_mail(alice: Trader) -> None:
    """A client's name of itself goes into the text alone, in printable letters."""
    outbox.outbox.clear()
    body = f'{{"username": "{alice.user.username}", "password": "{PASSWORD}"}}'.encode()
    evil = "x\r\nBcc: everybody@example.com\r\n\r\n<script>"
    assert Api().send("POST", "/auth/signin", body, HTTP_USER_AGENT=evil).status == 200
    Mailbox().letters()
    (message,) = [one for one in outbox.outbox if "new place" in one.subject]
    assert message.recipients() == ["alice@example.com"]
    assert "\nBcc" not in message.message().as_string()
    assert message.content_subtype == "plain"


def test_nobody_sees_another(alice: Trader) -> None:
    bob = make_trader(0)
    for path in ("/user/profile", "/user/data", "/auth/sign-ins", "/auth/sign-ins/failed"):
        assert "alice@example.com" not in str(bob.api.get(path).body)
        assert alice.user.username not in str(bob.api.get(path).body)
        assert Api().get(path).status == 401


def test_a_suspended_trader_does_not_close_their_way_out(alice: Trader) -> None:
    """Nor is a freeze lifted by closing and being opened again."""
    User.objects.filter(pk=alice.user.pk).update(is_active=False)
    assert alice.api.post("/user/close", {"password": PASSWORD}).status in (401, 403)
    assert not Closure.objects.exists()


@pytest.mark.usefixtures("redis_db")
@pytest.mark.parametrize("group", ["viewer", "risk", "treasury"])
def test_who_may_not_see_people_reads_no_mail_of_theirs(
    alice: Trader, client_of: Callable[[str], Client], group: str
) -> None:
    """Nor in what a server said of it, in a search, by a link that isn't theirs, or in the audit of
    those who may."""
    Mail.objects.update(state="failed", last_error="550 <alice@example.com>: no such user")
    mail = Mail.objects.latest("pk")
    support, client = client_of("support"), client_of(group)
    mails, people = list_path(Mail), list_path(Person)
    seen = [
        support.get(mails, {"to": "alice@example.com"}),
        support.get(people, {"q": "alice@example.com"}),
        support.get(url_of(Person, alice.user.pk)),
    ]
    for page in seen:
        assert page.status_code == 200
        assert "alice@example.com" in page.content.decode()
    said = mail.body.strip().splitlines()[-1][:40]
    read = support.get(url_of(Mail, mail.pk)).content.decode()
    assert "alice@example.com" in read
    assert said in read
    again = {"action": "send_again", "_selected_action": mail.pk}
    pages = [
        client.get(mails),
        client.get(url_of(Mail, mail.pk)),
        client.get(mails, {"to": "alice@example.com"}),
        client.get("/admin/search/", {"s": "alice@example.com"}),
        client.post(list_url(Mail, ""), again),
        client.get(list_path(AuditRow)),
    ]
    for page in pages:
        assert b"alice@example.com" not in page.content.replace(b'value="alice@example.com"', b"")
        assert b"alice%40example.com" not in page.content
        assert said.encode() not in page.content
    found = client.get(mails, {"q": "alice@example.com"})
    assert f"/{mail.pk}/change/" not in found.content.decode()


@pytest.mark.usefixtures("redis_db")
def test_who_sets_somebodys_password_takes_no_money_out(
    alice: Trader, client_of: Callable[[str], Client]
) -> None:
    path = url_of(User, alice.user.pk).replace("/change/", "/password/")
    word = {"password1": "correct horse staple", "password2": "correct horse staple"}
    client_of("superuser").post(path, {**word, "usable_password": "true"})
    alice.user.refresh_from_db()
    assert alice.user.check_password("correct horse staple")
    until = withdrawals_locked_until(alice.user.pk)
    assert until is not None
    assert until > datetime.now(UTC) + timedelta(hours=23)
    assert Mail.objects.latest("pk").subject == "Your password was changed"
