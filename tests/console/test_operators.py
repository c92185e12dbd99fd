"""Operators: who they are, from where they are signed in, and how one goes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Departure, Invitation, StaffSession, User
from accounts.services import retire_operator
from accounts.staff import invitations
from accounts.staff.powers import propose_powers
from approvals import services as approvals
from approvals.models import Proposal
from common.errors import DomainError
from console.audit.models import AuditRow
from console.operators.words import sentences
from tests.admin.factories import make_user
from tests.console.operator_pages import (
    PASSWORD,
    ClientOf,
    Operator,
    boss,
    client_as,
    other,
    page,
    refused,
    wanted,
)

__all__ = ["boss", "other"]

# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury"])
def test_groups_see_operators_and_do_nothing_to_them(client_of: ClientOf, group: str) -> None:
    client, boss = client_of(group), make_user("boss", is_staff=True, is_superuser=True)
    text = page(client, "operators")
    for said in ("boss", "not set up", "Approve and refuse deposits", "Freeze traders and lift it"):
        assert said in text, said
    assert reverse("admin:operator-invite") not in text
    text = page(client, "operator", boss.pk)
    assert 'name="do"' not in text
    row = AuditRow.objects.latest("pk")
    assert (row.verb, row.object_key) == ("viewed", str(boss.pk))
    for url in (
        reverse("admin:operator-invite"),
        reverse("admin:operator", args=[boss.pk]),
        reverse("admin:invitation-link", args=[1]),
        reverse("admin:invitation-withdraw", args=[1]),
    ):
        assert client.post(url, {"do": "end_all"}).status_code == 403
    assert client.get(reverse("admin:operator-invite")).status_code == 403


def test_what_groups_may_is_said_where_permissions_are(operator: Operator) -> None:
    operator("viewer")
    said = sentences(Permission.objects.filter(group__name="support"))
    assert said == [
        "Acknowledge and snooze alerts",
        "Add and change announcements",
        "Cancel orders of traders",
        "Decide whether a second factor is reset",
        "Download statements of traders",
        "End sessions of users",
        "Erase people whose accounts are closed",
        "Export all that is kept of a person",
        "Freeze traders and lift it",
        "Lift locks of names that were guessed at",
        "Look at what a trader sees, without a way to act",
        "Pause and cancel algos of traders",
        "Propose to reset somebody's second factor",
        "Reopen accounts that their owners closed",
        "Revoke traders' API keys",
        "See personal data",
        "Set the verification level of traders",
        "Suspend and resume users",
    ]
    assert "Add, change and delete fee tiers" in sentences(
        Permission.objects.filter(group__name="risk")
    )


@pytest.mark.parametrize("key", ["0", "9" * 18, "9" * 30])
def test_nobody_else_has_a_page_here(client_of: ClientOf, key: str) -> None:
    client = client_of("viewer")
    assert client.get(f"/admin/operators/{key}/").status_code == 404
    trader = make_user()
    assert client.get(reverse("admin:operator", args=[trader.pk])).status_code == 404


# --- sessions -------------------------------------------------------------------------------------


def test_sessions_are_seen_and_end_at_once(boss: User, other: User) -> None:
    mine, theirs, again = client_as(boss), client_as(other), client_as(other)
    text = page(mine, "operator", other.pk)
    assert text.count("203.0.113.7") == 2
    assert "Firefox/1.0" in text
    first = StaffSession.objects.filter(user=other).earliest("opened_at")
    url = reverse("admin:operator", args=[other.pk])
    mine.post(url, {"do": "end", "key": first.session_key})
    assert theirs.get("/admin/").status_code == 302
    assert again.get("/admin/").status_code == 200
    answer = mine.post(url, {"do": "end", "key": first.session_key}, follow=True)
    assert "not open any more" in answer.content.decode()
    mine.post(url, {"do": "end_all"})
    assert again.get("/admin/").status_code == 302
    assert mine.get("/admin/").status_code == 200
    rows = AuditRow.objects.filter(verb="end_sessions")
    assert [row.words for row in rows] == ["from 203.0.113.7, Firefox/1.0"] * 2


def test_a_key_of_somebody_else_ends_nothing(boss: User, other: User) -> None:
    mine, theirs = client_as(boss), client_as(make_user("third", is_staff=True, is_superuser=True))
    key = StaffSession.objects.get(user__username="third").session_key
    for wrong in (key, "", "x" * 5_000, "\0"):
        said = {"do": "end", "key": wrong}
        answer = mine.post(reverse("admin:operator", args=[other.pk]), said)
        assert answer.status_code == (400 if wrong == "\0" else 302)
    assert theirs.get("/admin/").status_code == 200


def test_an_operator_ends_their_own(client_of: ClientOf) -> None:
    client_of("viewer")
    viewer = User.objects.get(username="viewer-op")
    client, elsewhere = client_as(viewer), client_as(viewer)
    answer = client.post(reverse("admin:operator", args=[viewer.pk]), {"do": "end_all"})
    assert answer.status_code == 302
    assert elsewhere.get("/admin/").status_code == 302
    assert client.get("/admin/").status_code == 302


def test_when_a_session_was_used_is_written_once_a_minute(
    boss: User, django_assert_num_queries: Any
) -> None:
    StaffSession.objects.all().delete()
    client = client_as(boss)
    long_ago = timezone.now() - timedelta(hours=1)
    StaffSession.objects.update(seen_at=long_ago)
    client.get("/admin/jsi18n/")
    seen_at = StaffSession.objects.get().seen_at
    assert seen_at > long_ago + timedelta(minutes=59)
    with django_assert_num_queries(2):  # the session, the user
        client.get("/admin/jsi18n/")
    assert StaffSession.objects.get().seen_at == seen_at


# --- letting go -----------------------------------------------------------------------------------


@pytest.fixture
def leaving(operator: Operator, other: User) -> User:
    """Of risk, with a permission of her own, an API session, and proposals that wait."""
    user = operator("risk")
    user.user_permissions.add(Permission.objects.get(codename="manage_operators"))
    return user


def let_go(by: User, user: User, **said: Any) -> str:
    data = {"do": "retire", "retire-reason": "moved on", **said}
    url = reverse("admin:operator", args=[user.pk])
    return client_as(by).post(url, data, follow=True).content.decode()


def test_who_leaves_keeps_nothing(boss: User, other: User, leaving: User) -> None:
    theirs = client_as(leaving)
    invitations.invite(wanted(["viewer"]), leaving)
    approvals.approve(Proposal.objects.get().pk, other)
    invitations.invite(wanted(["viewer"], username="emil"), leaving)
    text = let_go(boss, leaving)
    assert theirs.get("/admin/").status_code == 302
    leaving = User.objects.get(pk=leaving.pk)
    assert {leaving.is_active, leaving.is_staff, leaving.is_superuser} == {False}
    assert not leaving.get_all_permissions()
    assert [p.status for p in Proposal.objects.order_by("pk")] == ["approved", "withdrawn"]
    assert Invitation.objects.get().withdrawn_at is not None
    for said in ("no operator any more", "Sessions at the console", "0 open", "Every process"):
        assert said in text, said
    assert text.count("not yet") == 1  # but for processes that are to hear of it
    Departure.objects.update(left_at=timezone.now() - timedelta(minutes=1))
    assert "not yet" not in page(client_as(boss), "operator", leaving.pk)
    row = AuditRow.objects.get(verb="retire")
    assert (row.operator, row.object_key, row.reason) == (boss, str(leaving.pk), "moved on")
    assert not Client().login(username=leaving.username, password=PASSWORD)


def test_proposals_are_handed_over(boss: User, other: User, leaving: User) -> None:
    invitations.invite(wanted(["viewer"]), leaving)
    text = let_go(boss, leaving, **{"retire-successor": other.pk})
    assert "1 proposals handed over" in text
    proposal = Proposal.objects.get()
    assert (proposal.author, proposal.status) == (other, "waiting")
    assert "handed it over" in proposal.reason
    refused(lambda: approvals.approve(proposal.pk, other), "another operator decides")
    approvals.approve(proposal.pk, boss)
    assert Invitation.objects.get().inviter == other


def test_what_is_for_the_successor_is_withdrawn(boss: User, other: User, leaving: User) -> None:
    powers = {"is_staff": True, "is_superuser": True, "groups": [], "user_permissions": [1]}
    proposal = propose_powers(other, powers, "more", leaving)
    let_go(boss, leaving, **{"retire-successor": other.pk})
    proposal.refresh_from_db()
    assert (proposal.status, proposal.author) == ("withdrawn", leaving)


def test_what_others_proposed_stays_also_where_who_leaves_gains(
    boss: User, other: User, leaving: User
) -> None:
    """As a compensation of many traders, of whom one was an operator."""
    powers = {"is_staff": True, "is_superuser": True, "groups": [], "user_permissions": [1]}
    proposal = propose_powers(leaving, powers, "more", other)
    let_go(boss, leaving)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.author) == ("waiting", other)
    refused(lambda: approvals.approve(proposal.pk, boss), "has changed since")


def test_what_can_not_be(boss: User, other: User, leaving: User, client_of: ClientOf) -> None:
    refused(lambda: retire_operator(boss.pk, "x", boss), "not you")
    refused(lambda: retire_operator(make_user().pk, "x", boss), "no operator")
    refused(lambda: retire_operator(boss.pk, "x", leaving), "only a superuser")
    refused(lambda: retire_operator(leaving.pk, " ", boss), "reason")
    assert "Let risk-op go" in let_go(boss, leaving, **{"retire-reason": ""})
    for wrong in (leaving.pk, make_user().pk, "x", "9" * 30):
        let_go(boss, leaving, **{"retire-successor": wrong})
    assert User.objects.get(pk=leaving.pk).is_staff
    assert not Departure.objects.exists()
    retire_operator(other.pk, "moved on", boss)
    refused(lambda: retire_operator(boss.pk, "back", User.objects.get(pk=other.pk)), "superuser")


@pytest.mark.django_db(transaction=True)
def test_of_two_superusers_who_let_each_other_go_one_stays(operator: Operator) -> None:
    pair = [operator("superuser"), make_user("other", is_staff=True, is_superuser=True)]

    def retire(number: int) -> Any:
        try:
            return retire_operator(pair[1 - number].pk, "you or me", pair[number])
        except DomainError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(retire, range(2)))
    assert sum(isinstance(answer, Departure) for answer in answers) == 1
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
