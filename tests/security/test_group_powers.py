"""Whoever could change what a group may alone would give its members anything alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import User
from approvals.models import Proposal
from approvals.services import approve
from common.admin.record_urls import list_url, url_of
from common.errors import DomainError
from tests.admin.factories import make_user

Operator = Callable[[str], User]


@pytest.fixture
def boss(operator: Operator) -> User:
    return operator("superuser")


@pytest.fixture
def other(db: None) -> User:
    return make_user("other", is_staff=True, is_superuser=True)


@pytest.fixture
def viewers(operator: Operator) -> Group:
    """With a member who would gain."""
    operator("viewer")
    return Group.objects.get(name="viewer")


def save(by: User, row: Any, **data: Any) -> str:
    client = Client()
    client.force_login(by)
    return client.post(url_of(type(row), row.pk), data, follow=True).content.decode()


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def with_more(group: Group, codename: str = "decide_adjustment") -> list[int]:
    return [*group.permissions.values_list("pk", flat=True), permission(codename).pk]


def may(name: str) -> bool:
    return User.objects.get(username="viewer-op").has_perm(name)


def test_what_a_group_may_is_changed_by_two(boss: User, other: User, viewers: Group) -> None:
    asked = {"name": "viewer", "permissions": with_more(viewers)}
    assert "say why" in save(boss, viewers, **asked)
    assert "in a save of its own" in save(boss, viewers, **asked | {"name": "x", "reason": "more"})
    page = save(boss, viewers, **asked, reason="they help out")
    assert "waits for another operator" in page
    assert not may("ledger.decide_adjustment")
    proposal = Proposal.objects.get()
    assert proposal.changes == [[permission("decide_adjustment").name, "no", "yes"]]
    assert "waits: decide or withdraw" in save(other, viewers, **asked, reason="so do I")
    with pytest.raises(DomainError):
        approve(proposal.pk, boss)
    approve(proposal.pk, other)
    assert may("ledger.decide_adjustment")


def test_none_of_its_members_decides(boss: User, viewers: Group) -> None:
    """Also where their own group lets them decide about others."""
    member = User.objects.get(username="viewer-op")
    member.user_permissions.add(permission("change_permission"))
    save(boss, viewers, name="viewer", permissions=with_more(viewers), reason="they help out")
    with pytest.raises(DomainError) as refused:
        approve(Proposal.objects.get().pk, member)
    assert refused.value.code == "OWN_REQUEST"


def test_a_group_that_changed_meanwhile(boss: User, other: User, viewers: Group) -> None:
    save(boss, viewers, name="viewer", permissions=with_more(viewers), reason="they help out")
    viewers.permissions.remove(permission("view_order"))
    with pytest.raises(DomainError) as refused:
        approve(Proposal.objects.get().pk, other)
    assert refused.value.code == "PROPOSAL_OUTDATED"


def test_what_takes_one(boss: User, viewers: Group) -> None:
    """A name, and a group that nobody is in."""
    client = Client()
    client.force_login(boss)
    add = list_url(Group, "").replace("?", "add/")
    asked = {"name": "auditors", "permissions": [permission("view_order").pk]}
    client.post(add, asked)
    made = Group.objects.get(name="auditors")
    assert list(made.permissions.all()) == [permission("view_order")]
    save(boss, made, **asked | {"name": "examiners"})
    made.refresh_from_db()
    assert made.name == "examiners"
    assert not Proposal.objects.exists()


def test_who_approves_a_member_knows_what_the_group_held(
    boss: User, other: User, viewers: Group
) -> None:
    alice = make_user("alice")
    asked = {"username": "alice", "is_staff": "on", "groups": str(viewers.pk)}
    save(boss, alice, **asked, reason="she joins")
    viewers.permissions.add(permission("decide_adjustment"))
    with pytest.raises(DomainError) as refused:
        approve(Proposal.objects.get().pk, other)
    assert refused.value.code == "PROPOSAL_OUTDATED"
    alice.refresh_from_db()
    assert not alice.is_staff


def test_readers_see_a_group(operator: Operator, viewers: Group) -> None:
    client = Client()
    client.force_login(User.objects.get(username="viewer-op"))
    assert client.get(url_of(Group, viewers.pk)).status_code == 200
