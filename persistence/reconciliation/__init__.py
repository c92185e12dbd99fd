"""⑤ Proofs that the rows, the journal and the engines agree. Read-only but for a run's record.

`run_reconciliation` is one run: everything in Postgres is read from one snapshot of the database,
and each engine ③ is asked how it stood at that snapshot's cursor.
"""

from persistence.reconciliation.asking import ASKED_S, asked_at, claim_run, forget_claim, run_asked
from persistence.reconciliation.differences import Difference
from persistence.reconciliation.runs import (
    RESTS,
    Reconciled,
    is_overdue,
    is_running,
    newest_run,
    reconcile,
    run_if_due,
    run_reconciliation,
    wallet_differences,
)

__all__ = [
    "ASKED_S",
    "RESTS",
    "Difference",
    "Reconciled",
    "asked_at",
    "claim_run",
    "forget_claim",
    "is_overdue",
    "is_running",
    "newest_run",
    "reconcile",
    "run_asked",
    "run_if_due",
    "run_reconciliation",
    "wallet_differences",
]
