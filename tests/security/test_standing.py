"""Of two people both are operators who may, when it is done: who was let go, suspended or lost a
group since has no part in it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.services import suspend_user
from accounts.staff.powers import take_powers
from accounts.verification.levels import set_level
from approvals.actions import all_actions
from approvals.services import approve, leave_behind, refuse
from common.errors import DomainError
from console.groups import ACTIONS
from ledger.models import StopCause, Wallet, Withdrawal
from ledger.withdrawals import deciding
from ledger.withdrawals.handing import begin
from ledger.withdrawals.stops import open_stop
from markets.models import Market
from tests.admin.factories import make_user
from tests.approvals.conftest import alice, tess, theo
from tests.approvals.test_adjustments import propose
from tests.trading.client import make_trader
from tests.withdrawals.world import UNIT, ask
from trading import services
from trading.models import OutboxCommand

__all__ = ["alice", "tess", "theo"]

Lose = Callable[[User], object]


def lose_the_group(user: User) -> None:
    user.groups.set([Group.objects.get(name="viewer")])


def lose_the_console(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=False)


LOSSES: tuple[Lose, ...] = (lose_the_group, lose_the_console, suspend_user, take_powers)


@pytest.fixture(params=LOSSES, ids=lambda lose: lose.__name__)
def lose(request: Any) -> Lose:
    chosen: Lose = request.param
    return chosen


@pytest.mark.usefixtures("operator")
def test_nothing_is_approved_of_whoever_may_not_propose_it(
    lose: Lose, alice: User, tess: User, theo: User
) -> None:
    proposal = propose(alice, tess)
    lose(tess)
    with pytest.raises(DomainError, match="may not any more") as refused:
        approve(proposal.pk, theo)
    assert refused.value.code == "PROPOSAL_OUTDATED"
    assert Wallet.objects.get(user=alice).available_units == 0
    refuse(proposal.pk, "she left", theo)


def test_what_is_left_behind_goes_to_who_may_propose_it(
    alice: User, tess: User, theo: User, operator: Callable[[str], User]
) -> None:
    proposal = propose(alice, tess)
    assert leave_behind(tess, operator("support")) == ([], [proposal])
    other = propose(alice, tess, reference="T-2")
    assert leave_behind(tess, theo) == ([other], [])


def test_every_action_can_be_proposed_by_a_group_or_a_superuser(db: None) -> None:
    held = {name for group in ACTIONS.values() for name in group}
    superusers = {"approvals.change_approvalrule", "auth.change_permission"}
    for action in all_actions():
        names = {*action.proposed_by, action.permission} - superusers
        assert names <= held | {"accounts.manage_operators"}, action.kind


def test_a_top_up_of_whoever_may_not_ask(lose: Lose, market: Market, tess: User) -> None:
    asked = services.request_top_up(market, 5, "low", by=tess)
    lose(tess)
    boss = make_user("boss", is_staff=True, is_superuser=True)
    with pytest.raises(DomainError, match="may not any more"):
        services.approve_top_up(asked.pk, by=boss)
    assert not OutboxCommand.objects.exists()
    services.refuse_top_up(asked.pk, by=boss)


def large_withdrawal(by: User) -> Withdrawal:
    """Two have to approve it."""
    trader = make_trader(100_000 * UNIT).user
    set_level(trader.pk, 2, "known", by)
    return ask(trader, 50_001)


def test_a_first_approval_goes_with_its_operator(
    lose: Lose, tess: User, theo: User, settings: Any
) -> None:
    """Two let a large withdrawal go: not one, after another who was let go."""
    settings.WITHDRAWALS_NEED_FACTOR = False
    row = large_withdrawal(theo)
    assert row.needed == 2
    deciding.approve(row.pk, "known", tess)
    lose(tess)
    row = deciding.approve(row.pk, "known", theo)
    assert (row.state, row.first_by, row.second_by) == ("waiting", theo, None)
    with pytest.raises(DomainError, match="another operator is the second"):
        deciding.approve(row.pk, "known", theo)
    boss = make_user("boss", is_staff=True, is_superuser=True)
    assert deciding.approve(row.pk, "known", boss).state == "approved"


@pytest.mark.parametrize("gone", [0, 1])
def test_either_approval_of_two_goes_with_its_operator(
    gone: int, tess: User, theo: User, settings: Any
) -> None:
    """Of one that a stop held after both: who is left doesn't count twice, whoever comes counts."""
    settings.WITHDRAWALS_NEED_FACTOR = False
    row = large_withdrawal(theo)
    both = [tess, theo]
    for one in both:
        row = deciding.approve(row.pk, "known", one)
    open_stop(StopCause.RECONCILIATION, "1 difference")
    assert begin(row.payout) is None
    lose_the_console(both.pop(gone))
    with pytest.raises(DomainError, match="another operator is the second"):
        deciding.approve(row.pk, "known difference", both[0])
    boss = make_user("boss", is_staff=True, is_superuser=True)
    row = deciding.approve(row.pk, "known difference", boss)
    assert (row.state, row.first_by, row.second_by) == ("approved", both[0], boss)
