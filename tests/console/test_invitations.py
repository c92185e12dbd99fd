"""How an operator comes: proposed by one, approved by another, by a link that works once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, StaffSession, User
from accounts.services import retire_operator, suspend_user
from accounts.staff import invitations
from approvals import services as approvals
from approvals.models import Proposal
from common.errors import DomainError
from console.audit.models import AuditRow
from tests.admin.factories import make_user
from tests.console.operator_pages import (
    PASSWORD,
    WRONG_TOKENS,
    Operator,
    boss,
    client_as,
    invite,
    invited,
    join,
    link_of,
    other,
    page,
    refused,
    set_up_app,
    wanted,
)

__all__ = ["boss", "other"]


# --- inviting -------------------------------------------------------------------------------------


def test_who_is_invited_and_approved_joins_by_a_link_that_works_once(
    boss: User, other: User
) -> None:
    mine = client_as(boss)
    assert "waits for another operator" in invite(mine)
    proposal = Proposal.objects.get()
    assert ["groups", "", "support"] in proposal.changes
    refused(lambda: approvals.approve(proposal.pk, boss), "another operator decides")
    assert not Invitation.objects.exists()
    approvals.approve(proposal.pk, other)
    invitation = Invitation.objects.get()
    assert "Make the link" in page(mine, "operators")
    assert "Make the link" not in page(client_as(other), "operators")
    theirs = client_as(other).post(reverse("admin:invitation-link", args=[invitation.pk]))
    assert theirs.status_code == 302  # the link is for who invited
    path = link_of(mine, invitation)
    token = path.split("/")[3]
    invitation.refresh_from_db()
    assert token not in str(vars(invitation))
    assert not AuditRow.objects.filter(words__contains=token).exists()
    again = mine.post(reverse("admin:invitation-link", args=[invitation.pk]), follow=True)
    assert "shown once" in again.content.decode()

    stranger = Client()
    assert "dora" in stranger.get(path).content.decode()
    for password, second in (
        ("short", None),
        (PASSWORD, "another"),
        ("password1", None),
        ("", None),
    ):
        _, answer = join(path, password, second)
        assert answer.status_code == 200
        assert not User.objects.filter(username="dora").exists()
    client, answer = join(path)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/factor/enrol/")
    assert client.get("/admin/").status_code == 302  # not before they have a second factor
    assert "shown now and never again" in set_up_app(client).content.decode()
    assert client.get("/admin/").status_code == 200
    dora = User.objects.get(username="dora")
    assert (dora.is_staff, dora.is_superuser, dora.person.mail) == (True, False, "dora@example.com")
    assert [group.name for group in dora.groups.all()] == ["support"]
    session = StaffSession.objects.get(user=dora)
    assert (session.address, session.client) == ("203.0.113.9", "her browser")
    verbs = AuditRow.objects.filter(operator=dora).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["join", "add_factor", "signed_in"]
    assert AuditRow.objects.filter(verb="make_link", operator=boss).count() == 1
    for used in (stranger.get(path), join(path)[1]):
        assert used.status_code == 410
        assert "was used" in used.content.decode()


@pytest.mark.parametrize("token", WRONG_TOKENS)
def test_rubbish_opens_nothing(db: None, token: str) -> None:
    path = f"/admin/join/{token}/password/"
    assert Client().get(path).status_code in (400, 404)
    assert join(path)[1].status_code in (400, 404)


def test_a_link_that_expired_or_was_withdrawn(boss: User, other: User) -> None:
    invitation, token = invited(other)
    path = reverse("admin:join", args=[token])
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "has expired" in join(path)[1].content.decode()
    refused(lambda: invitations.withdraw(invitation.pk), "has expired")
    proposal = invitations.invite(wanted(), boss)  # an expired one is not in the way
    approvals.approve(proposal.pk, other)
    mine = client_as(boss)
    newest = Invitation.objects.latest("pk")
    path = link_of(mine, newest)
    mine.post(reverse("admin:invitation-withdraw", args=[newest.pk]))
    assert "was withdrawn" in join(path)[1].content.decode()
    assert AuditRow.objects.filter(verb="withdraw_invitation").count() == 1
    assert not User.objects.filter(username="dora").exists()


def test_a_link_opens_nothing_for_who_is_signed_in(boss: User, other: User) -> None:
    _, token = invited(other)
    path = reverse("admin:join", args=[token])
    mine = client_as(boss)
    for answer in (mine.get(path), mine.post(path, {"password": PASSWORD, "again": PASSWORD})):
        assert answer.status_code == 403
        assert "Sign out first" in answer.content.decode()
    assert not User.objects.filter(username="dora").exists()


def test_a_link_of_who_was_suspended_is_void(boss: User, other: User) -> None:
    _, token = invited(other)
    suspend_user(boss)
    refused(lambda: invitations.accept(token, PASSWORD), "no operator now")


def test_a_name_that_was_taken_meanwhile(boss: User, other: User) -> None:
    _, token = invited(other)
    make_user("Dora")
    refused(lambda: invitations.accept(token, PASSWORD), "took the name")
    refused(lambda: invitations.invite(wanted(), boss), "taken")
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_a_link_at_once_one_joins(operator: Operator) -> None:
    boss = operator("superuser")
    other = make_user("other", is_staff=True, is_superuser=True)
    _, token = invited(other)

    def accept(_: int) -> Any:
        try:
            return invitations.accept(token, PASSWORD)
        except DomainError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(accept, range(4)))
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert User.objects.filter(username="dora").count() == 1
    assert Invitation.objects.get().inviter == boss


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"username": "no blanks please"}, "letters"),
        ({"username": "x" * 65}, "64"),
        ({"mail": "nobody"}, "mail must be an address"),
        ({"mail": "a" * 250 + "@example.com"}, "mail"),
        ({"reason": " "}, "reason"),
        ({"groups": []}, "Choose a group"),
        ({"username": "OTHER"}, "taken"),
    ],
)
def test_what_makes_no_sense_is_refused(
    boss: User, other: User, fields: dict[str, Any], words: str
) -> None:
    refused(lambda: invitations.invite(wanted(**fields), boss), words)
    answer = invite(client_as(boss), **fields)
    assert "waits for another" not in answer
    assert not Proposal.objects.exists()


def test_a_form_of_rubbish_is_no_fault(boss: User, other: User) -> None:
    client = client_as(boss)
    for said in ({"groups": ["x", "-1", "9" * 40]}, {"username": "a\0b"}, {"groups": ["\0"]}):
        invite(client, **said)
    client.post(reverse("admin:operator-invite"), {})
    assert not Proposal.objects.exists()


def test_nobody_gives_what_they_have_not_got(boss: User, other: User, operator: Operator) -> None:
    office = make_user("office", is_staff=True)
    office.user_permissions.add(Permission.objects.get(codename="manage_operators"))
    office.groups.add(Group.objects.get(name="viewer"))
    refused(lambda: invitations.invite(wanted(["risk"]), office), "more than you")
    refused(lambda: invitations.invite(wanted(is_superuser=True), office), "Only a superuser")
    assert isinstance(invitations.invite(wanted(["viewer"]), office), Proposal)


def test_a_group_that_grew_meanwhile_is_proposed_anew(boss: User, other: User) -> None:
    proposal = invitations.invite(wanted(), boss)
    Group.objects.get(name="support").permissions.add(
        Permission.objects.get(codename="settle_market")
    )
    refused(lambda: approvals.approve(proposal.pk, other), "has changed since")
    assert not Invitation.objects.exists()


def test_a_name_is_invited_once_at_a_time(boss: User, other: User) -> None:
    invitation, _ = invited(other)
    refused(lambda: invitations.invite(wanted(username="DORA"), boss), "invited already")
    with pytest.raises(IntegrityError, match="invitation_open_once_per_name"), transaction.atomic():
        Invitation.objects.create(
            username="DORA",
            mail="",
            reason="x",
            inviter=boss,
            invited_at=timezone.now(),
            expires_at=invitation.expires_at,
        )


# --- the first ------------------------------------------------------------------------------------


def test_the_only_operator_invites_another_superuser_alone_and_no_third(boss: User) -> None:
    mine = client_as(boss)
    assert "You are the only operator" in page(mine, "operator-invite")
    assert "invite a superuser" in invite(mine)
    invite(mine, is_superuser="on", groups=[])
    first = Invitation.objects.get()
    assert first.is_first
    row = AuditRow.objects.get(verb="invite")
    assert "by one alone" in row.words
    invite(mine, username="emil", is_superuser="on", groups=[])
    paths = [link_of(mine, one) for one in Invitation.objects.order_by("pk")]
    _, answer = join(paths[0])
    assert answer.status_code == 302
    _, answer = join(paths[1])  # there are two now, who must agree
    assert "There are other operators by now" in answer.content.decode()
    assert "waits for another operator" in invite(mine, username="fritz")
    assert set(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == {
        "superuser-op",
        "dora",
    }


def test_who_had_a_colleague_is_not_alone_again(boss: User, other: User) -> None:
    assert not invitations.is_alone(boss)
    suspend_user(other)
    assert not invitations.is_alone(boss)
    retire_operator(other.pk, "moved on", boss)
    assert not invitations.is_alone(boss)
    assert isinstance(invitations.invite(wanted(is_superuser=True), boss), Proposal)


def test_postgres_takes_one_first_that_was_accepted(boss: User) -> None:
    invitations.invite(wanted(is_superuser=True), boss)
    invitations.invite(wanted(is_superuser=True, username="emil"), boss)
    now = timezone.now()
    one, two = Invitation.objects.order_by("pk")
    Invitation.objects.filter(pk=one.pk).update(user=boss, accepted_at=now)
    with (
        pytest.raises(IntegrityError, match="invitation_accepted_first_once"),
        transaction.atomic(),
    ):
        Invitation.objects.filter(pk=two.pk).update(user=boss, accepted_at=now)


def test_in_the_demo_one_invites(boss: User, alone: None) -> None:
    assert isinstance(invitations.invite(wanted(), boss), Invitation)
    assert not Invitation.objects.get().is_first
