"""A withdrawal's life, as one table: what may follow what, by whose doing, and what money moves.

Everything else follows from it: services go along it (`ledger.withdrawals.steps`), a trigger of
Postgres refuses what isn't in it, and `docs/withdrawals.md` prints it; tests compare all three.
"""

from enum import StrEnum
from typing import NamedTuple

from ledger.models.accounts import EntryKind


class WithdrawalState(StrEnum):
    HELD = "held"  # sending is stopped: until a difference or a case is explained
    WAITING = "waiting"  # for operators
    APPROVED = "approved"  # to be handed to custody
    SENDING = "sending"  # handed, or about to be: custody may have sent it
    SENT = "sent"  # custody says that it is on its way
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class By(StrEnum):
    TRADER = "trader"
    OPERATOR = "operator"
    EXCHANGE = "exchange"
    CUSTODY = "custody"


class Transition(NamedTuple):
    """``before`` None: it is asked for. ``moves``: the journal entry that the step makes."""

    before: WithdrawalState | None
    after: WithdrawalState
    by: By
    when: str
    moves: EntryKind | None = None


_S, _BACK = WithdrawalState, EntryKind.WITHDRAWAL_BACK
TRANSITIONS = (
    Transition(None, _S.HELD, By.TRADER, "sending is stopped", EntryKind.WITHDRAWAL_HOLD),
    Transition(None, _S.WAITING, By.TRADER, "it takes operators", EntryKind.WITHDRAWAL_HOLD),
    Transition(None, _S.APPROVED, By.TRADER, "it may go by itself", EntryKind.WITHDRAWAL_HOLD),
    Transition(_S.HELD, _S.APPROVED, By.EXCHANGE, "nothing stops sending any more"),
    Transition(_S.HELD, _S.APPROVED, By.OPERATOR, "approved in spite of the stop"),
    Transition(_S.HELD, _S.CANCELLED, By.TRADER, "cancelled", _BACK),
    Transition(_S.HELD, _S.REFUSED, By.OPERATOR, "refused", _BACK),
    Transition(_S.WAITING, _S.APPROVED, By.OPERATOR, "as many as it takes approved"),
    Transition(_S.WAITING, _S.CANCELLED, By.TRADER, "cancelled", _BACK),
    Transition(_S.WAITING, _S.REFUSED, By.OPERATOR, "refused", _BACK),
    Transition(_S.APPROVED, _S.HELD, By.EXCHANGE, "sending was stopped before it was handed over"),
    Transition(_S.APPROVED, _S.WAITING, By.EXCHANGE, "its trader was suspended or frozen since"),
    Transition(_S.APPROVED, _S.REFUSED, By.OPERATOR, "called back before it was sent", _BACK),
    Transition(_S.APPROVED, _S.SENDING, By.EXCHANGE, "about to be handed over"),
    Transition(_S.SENDING, _S.SENT, By.CUSTODY, "it is on its way"),
    Transition(
        _S.SENDING, _S.CONFIRMED, By.CUSTODY, "it arrived, said before “on its way”",
        EntryKind.WITHDRAWAL,
    ),
    Transition(_S.SENDING, _S.FAILED, By.CUSTODY, "it will never be sent", _BACK),
    Transition(_S.SENT, _S.CONFIRMED, By.CUSTODY, "it arrived", EntryKind.WITHDRAWAL),
    Transition(_S.SENT, _S.FAILED, By.CUSTODY, "it will never arrive", _BACK),
)  # fmt: skip

ENDS = tuple(s for s in _S if s not in {t.before for t in TRANSITIONS})
UNDECIDED = (_S.HELD, _S.WAITING)  # a trader may still cancel
GIVEN_BACK = tuple(s for s in _S if s in {t.after for t in TRANSITIONS if t.moves is _BACK})
HANDED = (_S.SENDING, _S.SENT)  # what became of it, custody alone knows
# What has been approved: by as many operators as it took.
APPROVED_ONCE = (_S.APPROVED, _S.SENDING, _S.SENT, _S.CONFIRMED, _S.FAILED)


def transition_of(before: WithdrawalState | None, after: WithdrawalState, by: By) -> Transition:
    """Raises KeyError for what is not in the table."""
    return _by_step[before, after, by]


_by_step = {(one.before, one.after, one.by): one for one in TRANSITIONS}
STEPS = frozenset((one.before, one.after) for one in TRANSITIONS)


def table() -> str:
    """In Markdown."""
    rows = [("from", "to", "by", "when", "journal entry"), ("---",) * 5]
    rows += [
        (one.before or "", one.after, one.by, one.when, one.moves or "") for one in TRANSITIONS
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
