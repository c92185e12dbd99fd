"""Proposals and the policy behind them."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from approvals import policy, services
from approvals.actions import all_actions
from approvals.models import ApprovalRule, Proposal
from common.admin.record_urls import url_of
from common.errors import DomainError
from tests.approvals.conftest import Operator
from tests.approvals.test_adjustments import propose


def refusal(call: object, *arguments: object) -> str:
    with pytest.raises(DomainError) as refused:
        call(*arguments)  # type: ignore[operator]
    return refused.value.code


def test_one_that_ran_out_is_not_decided_and_makes_room(
    alice: User, tess: User, theo: User
) -> None:
    proposal = propose(alice, tess)
    Proposal.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refusal(services.approve, proposal.pk, theo) == "PROPOSAL_NOT_WAITING"
    assert refusal(services.withdraw, proposal.pk, tess) == "PROPOSAL_NOT_WAITING"
    again = propose(alice, tess)
    proposal.refresh_from_db()
    assert (proposal.status, again.status) == ("expired", "waiting")


@pytest.mark.django_db(transaction=True)
def test_of_many_about_the_same_at_once_one_waits(alice: User, tess: User) -> None:
    def ask(_: int) -> str:
        try:
            propose(alice, tess)
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "waits"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(ask, range(6)))
    assert outcomes == ["PROPOSAL_WAITING"] * 5 + ["waits"]


def test_its_author_alone_withdraws_it(alice: User, tess: User, theo: User) -> None:
    proposal = propose(alice, tess)
    assert refusal(services.withdraw, proposal.pk, theo) == "FORBIDDEN"
    services.withdraw(proposal.pk, tess)
    assert refusal(services.approve, proposal.pk, theo) == "PROPOSAL_NOT_WAITING"


def test_reasons_are_asked_for(alice: User, tess: User, theo: User) -> None:
    proposal = propose(alice, tess)
    assert refusal(services.refuse, proposal.pk, "  ", theo) == "INVALID_FIELD"
    assert refusal(services.refuse, proposal.pk, "x" * 501, theo) == "INVALID_FIELD"
    services.refuse(proposal.pk, "T-1 is another trader's", theo)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.outcome) == ("refused", "T-1 is another trader's")


def test_every_action_can_be_decided_by_somebody() -> None:
    assert {action.kind for action in all_actions()} >= {"adjust_wallet", "change_policy"}
    assert all(action.permission.count(".") == 1 for action in all_actions())


def test_the_policy_is_changed_by_two(operator: object, tess: User, theo: User) -> None:
    owner = User.objects.create_superuser("owner")
    other = User.objects.create_superuser("other-owner")
    kind = "adjust_wallet"
    for wrong in ((kind, False, None), ("nothing", True, None), ("change_policy", False, None)):
        assert refusal(policy.propose_rule, *wrong, "trust", owner) == "INVALID_FIELD"
    assert not ApprovalRule.objects.exists()
    assert policy.needs_second(kind)
    assert other.has_perm("approvals.change_approvalrule")


@pytest.mark.parametrize(
    ("who", "offered"),
    [("tess", {"withdraw"}), ("theo", {"approve", "refuse"}), ("viewer-op", set())],
)
def test_each_is_offered_what_they_may(
    alice: User, operator: Operator, tess: User, theo: User, who: str, offered: set[str]
) -> None:
    """The author withdraws, another decides, whoever may neither has no button."""
    operator("viewer")
    proposal = propose(alice, tess)
    client = Client()
    people = {"tess": tess, "theo": theo}
    client.force_login(people.get(who) or User.objects.get(username=who))
    page = client.get(url_of(Proposal, proposal.pk)).content.decode()
    assert set(re.findall(r'name="action" value="(\w+)"', page)) == offered
