"""Operators: who they are and from where, how one comes by invitation, how one goes."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Departure, Invitation, StaffSession, User
from accounts.services import retire_operator, suspend_user
from accounts.staff import invitations
from accounts.staff.invitations import Wanted
from approvals import services as approvals
from approvals.models import Proposal
from common.errors import DomainError
from console.audit.models import AuditRow
from console.operators.words import sentences
from tests.admin.factories import make_user

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
    said = {"username": user.username, "password": PASSWORD}
    assert client.post("/admin/login/", said).status_code == 302
    return client


def invited(other: User, **fields: Any) -> tuple[Invitation, str]:
    """Approved, and its token."""
    boss = User.objects.get(username="superuser-op")
    proposal = invitations.invite(wanted(**fields), boss)
    assert isinstance(proposal, Proposal)
    approvals.approve(proposal.pk, other)
    return invitations.make_link(Invitation.objects.latest("pk").pk, boss)


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury"])
def test_groups_see_operators_and_do_nothing_to_them(client_of: ClientOf, group: str) -> None:
    client, boss = client_of(group), make_user("boss", is_staff=True, is_superuser=True)
    text = page(client, "operators")
    for said in ("boss", "not set up", "Approve and refuse deposits", "Freeze traders and lift it"):
        assert said in text, said
    assert reverse("admin:operator-invite") not in text
    text = page(client, "operator", boss.pk)
    assert '<form method="post"' not in text.partition('id="content"')[2].partition("logout")[0]
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
        "Add and change announcements",
        "Cancel orders of traders",
        "End sessions of users",
        "Freeze traders and lift it",
        "Look at what a trader sees, without a way to act",
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
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    dora = User.objects.get(username="dora")
    assert (dora.is_staff, dora.is_superuser, dora.email) == (True, False, "dora@example.com")
    assert [group.name for group in dora.groups.all()] == ["support"]
    session = StaffSession.objects.get(user=dora)
    assert (session.address, session.client) == ("203.0.113.9", "her browser")
    verbs = AuditRow.objects.filter(operator=dora).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["join", "signed_in"]
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
