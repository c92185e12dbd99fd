"""Withdrawals whose rows and movements came apart: each way must be found, and named."""

from collections.abc import Callable

import pytest
from django.db import transaction

from accounts.models import User
from ledger.models import JournalEntry, Withdrawal, WithdrawalState
from ledger.models.withdrawal_states import By
from ledger.withdrawals.steps import take_step
from persistence.reconciliation import Difference
from tests.reconcile.planting import checks_of, found, plant, the
from tests.withdrawals.world import UNIT, ask

S = WithdrawalState
WAYS: dict[WithdrawalState, list[tuple[WithdrawalState, By]]] = {
    S.APPROVED: [],
    S.CONFIRMED: [(S.SENDING, By.EXCHANGE), (S.CONFIRMED, By.CUSTODY)],
    S.FAILED: [(S.SENDING, By.EXCHANGE), (S.FAILED, By.CUSTODY)],
}
AMOUNT = 100 * UNIT


@pytest.fixture
def rows(session) -> dict[WithdrawalState, Withdrawal]:
    """One in each state, of the same trader; there is no difference yet."""
    user = User.objects.get(username="trader0")
    made = {}
    for state, way in WAYS.items():
        with transaction.atomic():
            made[state] = ask(user)
            for after, by in way:
                take_step(made[state], after, by)
        made[state].refresh_from_db()
    assert found() == []
    return made


Rows = dict[WithdrawalState, Withdrawal]


def _more_than_held(rows: Rows) -> tuple[str, str, str]:
    row = rows[S.APPROVED]
    plant("UPDATE ledger_withdrawal SET amount_units = amount_units + 1 WHERE id = %s", row.pk)
    moved = f"withdrawal_hold of {AMOUNT} of user {row.user_id}"
    return f"withdrawal {row.pk}", moved.replace(str(AMOUNT), str(AMOUNT + 1)), moved


def _of_another(rows: Rows) -> tuple[str, str, str]:
    row = rows[S.APPROVED]
    other = User.objects.get(username="trader1").pk
    plant("UPDATE ledger_withdrawal SET user_id = %s WHERE id = %s", other, row.pk)
    moved = f"withdrawal_hold of {AMOUNT} of user "
    return f"withdrawal {row.pk}", f"{moved}{other}", f"{moved}{row.user_id}"


def _sent_and_given_back(rows: Rows) -> tuple[str, str, str]:
    row = rows[S.CONFIRMED]
    plant("UPDATE ledger_withdrawal SET state = 'failed' WHERE id = %s", row.pk)
    whose = f"of {-AMOUNT} of user {row.user_id}"
    return f"withdrawal {row.pk}", f"withdrawal_back {whose}", f"withdrawal {whose}"


def _given_back_and_said_sent(rows: Rows) -> tuple[str, str, str]:
    row = rows[S.FAILED]
    plant("UPDATE ledger_withdrawal SET state = 'confirmed' WHERE id = %s", row.pk)
    whose = f"of {-AMOUNT} of user {row.user_id}"
    return f"withdrawal {row.pk}", f"withdrawal {whose}", f"withdrawal_back {whose}"


def _never_held(rows: Rows) -> tuple[str, str, str]:
    row = rows[S.APPROVED]
    plant("DELETE FROM ledger_posting WHERE entry_id = %s", row.hold_entry_id)
    plant("DELETE FROM ledger_journalentry WHERE id = %s", row.hold_entry_id)
    asked = f"withdrawal_hold of {AMOUNT} of user {row.user_id}"
    return f"withdrawal {row.pk}", asked, "nothing moved"


def _held_twice(rows: Rows) -> tuple[str, str, str]:
    row = rows[S.APPROVED]
    again = JournalEntry.objects.create(kind="withdrawal_hold", created_at=row.requested_at)
    plant(
        "INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
        " SELECT %s, account_id, amount_units FROM ledger_posting WHERE entry_id = %s",
        again.pk,
        row.hold_entry_id,
    )
    moved = f"withdrawal_hold of {AMOUNT} of user {row.user_id}"
    return f"journal entry {again.pk}", "no withdrawal", moved


@pytest.mark.parametrize(
    "planted",
    [
        _more_than_held, _of_another, _sent_and_given_back, _given_back_and_said_sent,
        _never_held, _held_twice,
    ],
)  # fmt: skip
def test_rows_and_movements_that_differ(
    rows: Rows, planted: Callable[[Rows], tuple[str, str, str]]
) -> None:
    subject, expected, moved = planted(rows)
    assert the(found(), "withdrawal") == Difference("withdrawal", "", subject, expected, moved)


def test_a_row_that_is_gone_leaves_its_movements(rows: Rows) -> None:
    """Hold and end, and money that is held for nobody."""
    row = rows[S.APPROVED]
    plant("DELETE FROM ledger_withdrawal WHERE id = %s", row.pk)
    differences = found()
    assert the(differences, "withdrawal").subject == f"journal entry {row.hold_entry_id}"
    assert "held by orders" in checks_of(differences)


def test_a_float_that_is_not_what_its_rows_are(rows: Rows) -> None:
    plant("UPDATE custody_floatpart SET sent_units = sent_units + 1")
    expected = Difference("float", "", "float on demo: sent", str(AMOUNT), str(AMOUNT + 1))
    assert found() == [expected]
