"""A person is forgotten, and the books stay what they were."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.apps import apps
from django.db.models import CharField, TextField
from django.test import Client

from accounts.models import Closure, Person, Session, SignInFailure, User
from accounts.people.closing import reopen_account
from accounts.people.erasing import propose_or_erase
from approvals.models import Proposal
from approvals.services import approve
from common.admin.record_urls import list_path
from common.errors import DomainError, ErrorCode
from console.audit.chain import verify
from ledger.models import JournalEntry, Posting, Wallet
from mails.models import Mail
from tests.accounts.test_sessions import sign_in
from tests.admin.conftest import make_operator
from tests.people.mailbox import Mailbox
from tests.trading.client import PASSWORD, Trader, make_trader

pytestmark = pytest.mark.django_db

# Where the name of somebody erased may still stand: what operators said and did.
LEFT = {
    "console.AuditRow", "admin.LogEntry", "approvals.Proposal", "accounts.Freeze",
    "django.Session", "accounts.StaffSession",
}  # fmt: skip


@pytest.fixture
def closed(trader: Trader, mailbox: Mailbox) -> Closure:
    """With a trace everywhere: keys, sign-ins, failures, mails, a name."""
    body = {"name": "bot of alice", "password": PASSWORD, "permissions": ["read"],
            "addresses": ["203.0.113.7"]}  # fmt: skip
    assert trader.api.post("/user/keys", body).status == 201
    profile = json.dumps({"name": "Alice Example"}).encode()
    assert trader.api.send("PATCH", "/user/profile", profile).status == 200
    SignInFailure.objects.create(username=trader.user.username.upper(), address="203.0.113.7")
    assert trader.api.post("/user/close", {"password": PASSWORD}).status == 200
    mailbox.letters()
    return Closure.objects.get(user=trader.user)


def boss() -> User:
    return make_operator("superuser")


def rows_with(*words: str) -> set[str]:
    """Tables where one of them stands in some text."""
    found = set()
    for model in apps.get_models():
        fields = model._meta.concrete_fields
        for name in [one.name for one in fields if isinstance(one, CharField | TextField)]:
            for word in words:
                if model._base_manager.filter(**{f"{name}__icontains": word}).exists():
                    found.add(model._meta.label)
    return found


def test_nothing_has_the_name_any_more(closed: Closure, alone: None) -> None:
    user = closed.user
    name, mail = user.username, f"{user.username}@example.com"
    assert {"accounts.Person", "mails.Mail", "accounts.User"} <= rows_with(name, mail)
    propose_or_erase(closed.pk, "she asked", boss())
    assert rows_with(name, mail, "Alice Example", "bot of alice") <= LEFT
    user.refresh_from_db()
    assert user.username == f"erased-{user.pk}"
    assert not user.has_usable_password()
    for model in (Person, Session):
        assert not model._default_manager.filter(user=user).exists()
    assert not Mail.objects.filter(to=mail).exists()
    assert sign_in(name).status == 401


def test_the_books_stay(closed: Closure, alone: None) -> None:
    def books() -> list[Any]:
        return [
            sorted(model._base_manager.values_list(*columns))
            for model, columns in (
                (Posting, ("pk", "account_id", "amount_units")),
                (JournalEntry, ("pk", "kind")),
                (Wallet, ("user_id", "available_units", "held_units")),
            )
        ]

    by = boss()
    before = books()
    propose_or_erase(closed.pk, "she asked", by)
    assert books() == before
    assert not verify().broken


def test_it_takes_two_people(closed: Closure) -> None:
    first, second = boss(), User.objects.create_superuser("other-boss")
    proposal = propose_or_erase(closed.pk, "she asked", first)
    assert isinstance(proposal, Proposal)
    assert closed.user.username not in proposal.title
    assert Person.objects.filter(user=closed.user).exists()
    with pytest.raises(DomainError) as refused:
        approve(proposal.pk, first)
    assert refused.value.code == ErrorCode.OWN_REQUEST
    approve(proposal.pk, second)
    assert not Person.objects.filter(user=closed.user).exists()


def test_who_was_reopened_meanwhile_stays(closed: Closure) -> None:
    first, second = boss(), User.objects.create_superuser("other-boss")
    proposal = propose_or_erase(closed.pk, "she asked", first)
    reopen_account(closed.pk, "she wrote again", second)
    with pytest.raises(DomainError, match="opened again"):
        approve(proposal.pk, second)
    assert Person.objects.filter(user=closed.user).exists()


def test_who_was_erased_stays_so(closed: Closure, alone: None) -> None:
    by = boss()
    propose_or_erase(closed.pk, "she asked", by)
    for again in (
        lambda: propose_or_erase(closed.pk, "again", by),
        lambda: reopen_account(closed.pk, "she is back", by),
    ):
        with pytest.raises(DomainError, match="erased"):
            again()


def test_a_name_that_somebody_took_is_not_fought_over(closed: Closure, alone: None) -> None:
    User.objects.create_user(f"Erased-{closed.user_id}")
    propose_or_erase(closed.pk, "she asked", boss())
    closed.user.refresh_from_db()
    assert closed.user.username.startswith(f"erased-{closed.user_id}-")


def test_it_is_done_from_the_list_of_closed_accounts(
    closed: Closure, alone: None, client_of: Callable[[str], Client]
) -> None:
    said = {"action": "erase", "_selected_action": closed.pk, "confirmed": "yes", "reason": "asked"}
    client_of("risk").post(list_path(Closure), said)
    assert Person.objects.filter(user=closed.user).exists()
    response = client_of("support").post(list_path(Closure), said, follow=True)
    assert "erased" in response.content.decode()
    assert not Person.objects.filter(user=closed.user).exists()


def test_others_with_the_same_mail_keep_theirs(
    closed: Closure, alone: None, mailbox: Mailbox, redis_db: redis.Redis
) -> None:
    other = make_trader(0)
    mailbox.verify(other, f"{closed.user.username}@example.com")
    propose_or_erase(closed.pk, "she asked", boss())
    keys = Mail.objects.values_list("key", flat=True)
    assert list(keys)
    assert all(f"-{other.user.pk}-" in key for key in keys)
