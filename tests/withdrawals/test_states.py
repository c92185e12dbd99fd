"""One table: what the code goes along, what Postgres refuses, and what the documents say."""

from itertools import product
from pathlib import Path

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from common.postgres.constraints import constraint_of
from ledger.models import Withdrawal, WithdrawalState, WithdrawalStep
from ledger.models.withdrawal_states import ENDS, STEPS, By, table
from ledger.withdrawals.steps import take_step
from tests.trading.client import Trader
from tests.withdrawals.world import ask

S = WithdrawalState
# A way to each state from a withdrawal that was approved by itself.
WAYS: dict[WithdrawalState, list[tuple[WithdrawalState, By]]] = {
    S.APPROVED: [],
    S.HELD: [(S.HELD, By.EXCHANGE)],
    S.WAITING: [(S.WAITING, By.EXCHANGE)],
    S.SENDING: [(S.SENDING, By.EXCHANGE)],
    S.SENT: [(S.SENDING, By.EXCHANGE), (S.SENT, By.CUSTODY)],
    S.CONFIRMED: [(S.SENDING, By.EXCHANGE), (S.CONFIRMED, By.CUSTODY)],
    S.FAILED: [(S.SENDING, By.EXCHANGE), (S.FAILED, By.CUSTODY)],
    S.CANCELLED: [(S.HELD, By.EXCHANGE), (S.CANCELLED, By.TRADER)],
}


def test_the_document_has_the_table() -> None:
    assert table() in (Path(settings.BASE_DIR) / "docs/withdrawals.md").read_text()


def test_postgres_takes_the_steps_of_the_table_and_no_others(trader: Trader) -> None:
    """Each state against each: with all that its constraints ask, so that the step alone counts."""
    for start, way in WAYS.items():
        with transaction.atomic():
            row = ask(trader.user)
            for after, by in way:
                take_step(row, after, by)
            for after in S:
                if after != start:
                    assert _takes(row, after) is ((start, after) in STEPS), (start, after)
            transaction.set_rollback(True)


def _takes(row: Withdrawal, after: WithdrawalState) -> bool:
    other = row.user_id + 1_000  # no foreign key looks before the transaction ends
    entry = row.hold_entry_id if after in ENDS else None
    refuser = other if after is S.REFUSED else None
    update = (
        "UPDATE ledger_withdrawal SET state = %s, end_entry_id = %s, refused_by_id = %s"
        " WHERE id = %s"
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(update, [after.value, entry, refuser, row.pk])
            transaction.set_rollback(True)
    except IntegrityError as error:
        if constraint_of(error) != "withdrawal_goes_its_way":
            raise
        return False
    return True


@pytest.mark.parametrize(
    "change",
    ["amount_units = 1", "address = 'x'", "user_id = user_id + 1", "send_id = gen_random_uuid()"],
)
def test_what_was_asked_stays(trader: Trader, change: str) -> None:
    row = ask(trader.user)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE ledger_withdrawal SET {change} WHERE id = %s", [row.pk])


def test_steps_are_only_added(trader: Trader) -> None:
    ask(trader.user)
    for statement in ("DELETE FROM", "UPDATE"):
        ending = "" if statement == "DELETE FROM" else " SET words = 'x'"
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{statement} ledger_withdrawalstep{ending}")
    assert WithdrawalStep.objects.count() == 1


def test_no_way_leads_out_of_an_end() -> None:
    assert not {(end, after) for end, after in product(ENDS, S)} & STEPS
