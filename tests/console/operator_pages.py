"""Operators and invitations, as the tests of their pages make and ask them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Invitation, User
from accounts.staff import invitations
from accounts.staff.invitations import Wanted
from approvals import services as approvals
from approvals.models import Proposal
from common.errors import DomainError
from tests.admin.factories import make_user
from tests.builders.factors import code_of, enter

ClientOf = Callable[[str], Client]
Operator = Callable[[str], User]
PASSWORD = "correct horse battery"
SAID = {"username": "dora", "mail": "dora@example.com", "reason": "the night shift"}
WRONG_TOKENS = ["x", "a" * 43, "a" * 3_000, "%00", "é" * 43, "..", "-" * 43]


def group_id(name: str) -> int:
    return Group.objects.get(name=name).pk


def wanted(groups: list[str] | None = None, **fields: Any) -> Wanted:
    ids = [group_id(name) for name in (["support"] if groups is None else groups)]
    values = {"groups": ids, "is_superuser": False, **SAID, **fields}
    return Wanted(**values)


def page(client: Client, name: str, *args: int) -> str:
    response = client.get(reverse(f"admin:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def invite(client: Client, **said: Any) -> str:
    data = {**SAID, "groups": [group_id("support")], **said}
    return client.post(reverse("admin:operator-invite"), data, follow=True).content.decode()


def link_of(client: Client, invitation: Invitation) -> str:
    answer = client.post(reverse("admin:invitation-link", args=[invitation.pk]))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    (found,) = re.findall(r"http://testserver(/admin/join/\S+?)</code>", answer.content.decode())
    return str(found)


def join(path: str, password: str = PASSWORD, again: str | None = None) -> tuple[Client, Any]:
    client = Client(HTTP_USER_AGENT="her browser", REMOTE_ADDR="203.0.113.9")
    said = {"password": password, "again": password if again is None else again}
    return client, client.post(path, said)


def set_up_app(client: Client) -> Any:
    """By whoever chose a password just now: they are in with it."""
    path = reverse("admin:factor-enrol")
    begun = client.post(path, {"do": "begin_app"}).content.decode()
    (secret,) = re.findall(r"<code class=\"one-time\">([A-Z2-7]{32})</code>", begun)
    return client.post(path, {"do": "confirm_app", "code": code_of(secret)})


def refused(step: Callable[[], Any], words: str) -> None:
    with pytest.raises(DomainError, match=words), transaction.atomic():
        step()


@pytest.fixture
def boss(client_of: ClientOf) -> User:
    client_of("superuser")
    return User.objects.get(username="superuser-op")


@pytest.fixture
def other(boss: User) -> User:
    return make_user("other", is_staff=True, is_superuser=True)


def client_as(user: User) -> Client:
    """Signed in at the door: only then it is known from where."""
    if not user.has_usable_password():
        user.set_password(PASSWORD)
        user.save()
    client = Client(HTTP_USER_AGENT="Firefox\t/1.0", REMOTE_ADDR="203.0.113.7")
    enter(client, user, PASSWORD)
    return client


def invited(other: User, **fields: Any) -> tuple[Invitation, str]:
    """Approved, and its token."""
    boss = User.objects.get(username="superuser-op")
    proposal = invitations.invite(wanted(**fields), boss)
    assert isinstance(proposal, Proposal)
    approvals.approve(proposal.pk, other)
    return invitations.make_link(Invitation.objects.latest("pk").pk, boss)
