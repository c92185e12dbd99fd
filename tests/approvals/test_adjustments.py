"""Wallets set right: two people, one transaction, never below zero, undone by a counter-entry."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.families.services import open_account
from accounts.models import User
from approvals import services
from approvals.models import Proposal
from common.admin.acts import Act, Verb, tell
from common.admin.record_urls import list_url
from common.errors import DomainError
from console.audit.models import AuditRow
from ledger.adjustments import AdjustmentCause, Due, propose_adjustments, propose_reversal
from ledger.models import Adjustment, AdjustmentCategory, Posting, Wallet
from ledger.services import deposit
from tests.admin.factories import make_user
from tests.trading.client import Api, forget_caches, token_of

REFUND = AdjustmentCategory.REFUND


def available(user: User) -> int:
    return Wallet.objects.get(user=user).available_units


def propose(
    user: User, by: User, amount_units: int = 12_500_000, reference: str = "T-1"
) -> Proposal:
    cause = AdjustmentCause(REFUND, reference, "a fee taken twice")
    return propose_adjustments([Due(user, amount_units)], cause, by)


def adjusted(user: User, by: User, approver: User, amount_units: int, reference: str) -> Adjustment:
    proposal = propose(user, by, amount_units, reference)
    services.approve(proposal.pk, approver)
    return Adjustment.objects.get(proposal=proposal)


def test_money_moves_once_another_operator_approves(alice: User, tess: User, theo: User) -> None:
    proposal = propose(alice, tess)
    assert (available(alice), proposal.title) == (0, "Wallet of alice: +12.50 USD")
    assert proposal.changes[0] == ["available of alice", "0.00 USD", "12.50 USD"]
    services.approve(proposal.pk, theo)
    assert available(alice) == 12_500_000
    adjustment = Adjustment.objects.get(proposal=proposal)
    lines = Posting.objects.filter(entry=adjustment.entry).select_related("account")
    assert {(line.account.kind, line.account.user_id, line.amount_units) for line in lines} == {
        ("available", alice.pk, 12_500_000),
        ("adjustments", None, -12_500_000),
    }
    row = AuditRow.objects.get(verb="adjust_wallet")
    assert (row.operator, row.object_key) == (theo, str(alice.pk))
    assert (row.words, row.reason) == (
        "Wallet of alice: +12.50 USD, which has 12.50 USD now",
        "a fee taken twice",
    )


def test_the_trader_sees_it_in_the_statement(
    alice: User, tess: User, theo: User, redis_db: object
) -> None:
    forget_caches()
    adjusted(alice, tess, theo, 12_500_000, "T-1")
    answer = Api(token_of(alice.pk)).get("/user/ledger?kind=adjustment")
    assert answer.status == 200, answer.body
    (line,) = answer.body["ledger"]
    assert (line["cause"], line["account"], line["amount"]) == ("adjustment", "available", "12.5")


@pytest.mark.parametrize("decide", [services.approve, lambda pk, by: services.refuse(pk, "no", by)])
def test_who_proposed_or_gains_never_decides(
    alice: User, tess: User, theo: User, decide: Callable[[int, User], Any]
) -> None:
    for proposal in (propose(alice, tess), propose(theo, tess)):
        decider = tess if proposal.beneficiary_ids == [alice.pk] else theo
        with pytest.raises(DomainError) as refused:
            decide(proposal.pk, decider)
        assert refused.value.code == "OWN_REQUEST"
    with pytest.raises(DomainError) as refused:
        propose(tess, tess)
    assert refused.value.code == "OWN_REQUEST"
    assert (available(alice), available(theo)) == (0, 0)


@pytest.mark.parametrize(
    ("constraint", "column"),
    [
        ("proposal_decided_by_another", "author_id"),
        ("proposal_not_by_who_gains", "beneficiary_ids[1]"),
    ],
)
def test_postgres_takes_no_decision_of_theirs(
    alice: User, tess: User, constraint: str, column: str
) -> None:
    proposal = propose(alice, tess)
    decided = (
        "UPDATE approvals_proposal SET status = 'approved', decided_at = now(), decided_by_id ="
    )
    refused = pytest.raises(DatabaseError, match=constraint)
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{decided} {column} WHERE id = %s", [proposal.pk])
    refused = pytest.raises(DatabaseError, match="proposal_not_for_its_author")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE approvals_proposal SET beneficiary_ids = array[author_id]")


def test_a_wallet_never_goes_below_zero(alice: User, tess: User, theo: User) -> None:
    deposit(alice.pk, 10_000_000, approved=True)
    with pytest.raises(DomainError) as refused:
        propose(alice, tess, -10_000_001)
    assert refused.value.code == "INSUFFICIENT_BALANCE"
    both = [propose(alice, tess, -6_000_000, reference) for reference in ("T-1", "T-2")]
    services.approve(both[0].pk, theo)
    with pytest.raises(DomainError) as refused:
        services.approve(both[1].pk, theo)
    assert refused.value.code == "INSUFFICIENT_BALANCE"
    both[1].refresh_from_db()
    assert (available(alice), both[1].status) == (4_000_000, "waiting")


def test_it_is_undone_once_by_a_counter_entry(alice: User, tess: User, theo: User) -> None:
    first = adjusted(alice, tess, theo, 12_500_000, "T-1")
    reversal = propose_reversal(first, "the wrong trader", theo)
    services.approve(reversal.pk, tess)
    assert available(alice) == 0
    counter = Adjustment.objects.get(reverses=first)
    assert (counter.amount_units, counter.category) == (-12_500_000, "reversal")
    for wrong in (first, counter):
        with pytest.raises(DomainError):
            propose_reversal(wrong, "again", tess)


def test_a_reference_serves_once_per_trader(alice: User, tess: User, theo: User) -> None:
    adjusted(alice, tess, theo, 1_000_000, "T-1")
    with pytest.raises(DomainError) as refused:
        propose(alice, tess)
    assert refused.value.field == "reference"
    propose(alice, tess, reference="T-2")
    with pytest.raises(DomainError) as refused:
        propose(alice, theo, reference="T-2")
    assert refused.value.code == "PROPOSAL_WAITING"


def test_rows_of_adjustments_stay_as_they_are(alice: User, tess: User, theo: User) -> None:
    adjusted(alice, tess, theo, 1_000_000, "T-1")
    for change in (
        "UPDATE ledger_adjustment SET amount_units = 2",
        "DELETE FROM ledger_adjustment",
    ):
        refused = pytest.raises(DatabaseError, match="append-only")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_approve_at_once_one_moves_the_money(
    alice: User, tess: User, theo: User
) -> None:
    proposal = propose(alice, tess)

    def approve(_: int) -> str:
        try:
            services.approve(proposal.pk, theo)
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "approved"

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(approve, range(6)))
    assert outcomes == ["PROPOSAL_NOT_WAITING"] * 5 + ["approved"]
    assert available(alice) == 12_500_000


def act(client: Client, model: type, action: str, pk: int | str, **fields: str) -> str:
    data = {"action": action, "_selected_action": pk, "confirmed": "yes", **fields}
    response = client.post(list_url(model, ""), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_two_operators_in_the_admin(alice: User, tess: User, theo: User, redis_db: object) -> None:
    of_tess, of_theo = Client(), Client()
    of_tess.force_login(tess)
    of_theo.force_login(theo)
    form = {"amount": "-1", "category": "refund", "reference": "T-1", "reason": "a fee"}
    assert "Only 0 is available" in act(of_tess, Wallet, "propose_adjustment", alice.pk, **form)
    bad = form | {"amount": "1e400", "category": "gift", "reference": " "}
    assert not Proposal.objects.exists()
    assert act(of_tess, Wallet, "propose_adjustment", alice.pk, **bad)
    act(of_tess, Wallet, "propose_adjustment", alice.pk, **form | {"amount": "12.5"})
    (proposal,) = Proposal.objects.all()
    assert "another operator decides it" in act(of_tess, Proposal, "approve", proposal.pk)
    act(of_theo, Proposal, "approve", proposal.pk)
    assert available(alice) == 12_500_000
    (adjustment,) = Adjustment.objects.all()
    act(of_theo, Adjustment, "propose_reversal", adjustment.pk, reason="the wrong trader")
    reversal = Proposal.objects.get(status="waiting")
    assert "refused: T-1 stands" in act(
        of_tess, Proposal, "refuse", reversal.pk, reason="T-1 stands"
    )
    refusal = AuditRow.objects.get(verb="refuse")
    assert (refusal.operator, refusal.reason) == (tess, "T-1 stands")
    assert available(alice) == 12_500_000


@pytest.mark.parametrize("group", ["viewer", "support", "risk"])
def test_others_neither_propose_nor_decide(
    alice: User, tess: User, client_of: Callable[[str], Client], group: str, redis_db: object
) -> None:
    proposal = propose(alice, tess)
    client = client_of(group)
    act(client, Wallet, "propose_adjustment", alice.pk, amount="1", category="refund", reason="x")
    act(client, Proposal, "approve", proposal.pk)
    act(client, Proposal, "refuse", proposal.pk, reason="no")
    act(client, Proposal, "withdraw", proposal.pk)
    proposal.refresh_from_db()
    assert (Proposal.objects.count(), proposal.status, available(alice)) == (1, "waiting", 0)


def test_many_wallets_cost_few_statements(alice: User, tess: User, theo: User) -> None:
    """Each is one row of the audit more, and nothing else: wallets are locked meanwhile."""

    def statements_for(count: int, reference: str) -> int:
        users = [make_user(f"{reference}-{number}") for number in range(count)]
        cause = AdjustmentCause(REFUND, reference, "an outage")
        proposal = propose_adjustments([Due(user, 1_000_000) for user in users], cause, tess)
        with CaptureQueriesContext(connection) as asked:
            services.approve(proposal.pk, theo)
        assert {available(user) for user in users} == {1_000_000}
        return len(asked)

    statements_for(1, "warm")
    few, many = statements_for(5, "few"), statements_for(25, "many")
    per_wallet = (many - few) / 20
    assert per_wallet == statements_of_an_act(alice, tess)


def statements_of_an_act(user: User, by: User) -> int:
    with CaptureQueriesContext(connection) as asked:
        tell(Act(verb=Verb.WALLET_ADJUSTED, operator=by, obj=user))
    return len(asked)


def test_a_trader_is_named_once(alice: User, tess: User) -> None:
    with pytest.raises(DomainError, match="one amount for each trader"):
        propose_adjustments(
            [Due(alice, 1_000_000), Due(alice, 2_000_000)],
            AdjustmentCause(REFUND, "twice", "x"),
            tess,
        )
    assert not Proposal.objects.exists()


def test_nobody_proposes_or_approves_for_a_sub_account_of_theirs(tess: User, theo: User) -> None:
    sub = open_account(tess.pk, "hedge")
    with pytest.raises(DomainError, match="for yourself"):
        propose(sub, tess)
    proposal = propose(sub, theo)
    with pytest.raises(DomainError):
        services.approve(proposal.pk, tess)
    assert not Adjustment.objects.exists()
