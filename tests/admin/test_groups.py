"""`creategroups` gives each group exactly its permissions: it also takes away."""

import pytest
from django.contrib.auth.models import Group, Permission

from console.groups import ACTIONS, create_groups, names_held
from tests.admin.factories import make_user

pytestmark = pytest.mark.django_db


def permissions() -> dict[str, set[int]]:
    return {
        group.name: set(group.permissions.values_list("pk", flat=True))
        for group in Group.objects.all()
    }


def test_what_a_group_got_besides_is_taken_away_and_what_it_lost_comes_back() -> None:
    create_groups()
    before = permissions()
    assert set(before) == set(ACTIONS)
    besides = Permission.objects.get(codename="decide_deposit")
    support = Group.objects.get(name="support")
    support.permissions.add(besides)
    support.permissions.remove(Permission.objects.get(codename="suspend_user"))
    counts = create_groups()
    assert permissions() == before
    assert counts == {name: len(held) for name, held in before.items()}


def test_groups_of_the_operators_own_and_members_stay() -> None:
    create_groups()
    own = Group.objects.create(name="auditors")
    own.permissions.add(Permission.objects.get(codename="suspend_user"))
    member = make_user()
    member.groups.add(own, Group.objects.get(name="risk"))
    create_groups()
    assert own.permissions.count() == 1
    assert set(member.groups.values_list("name", flat=True)) == {"auditors", "risk"}


def test_no_group_may_do_what_another_alone_may() -> None:
    create_groups()
    held = {
        name: set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))
        for name in ACTIONS
    }
    assert all(name.startswith("view_") for name in held["viewer"])
    for group, actions in ACTIONS.items():
        changing = {name for name in held[group] if not name.startswith("view_")}
        assert changing == {action.partition(".")[2] for action in actions}


def test_what_they_hold_is_known_without_postgres() -> None:
    create_groups()
    for name in ACTIONS:
        held = Group.objects.get(name=name).permissions.all()
        rows = held.values_list("content_type__app_label", "codename")
        assert {f"{app}.{codename}" for app, codename in rows} == names_held(name)
