"""⑤ Proofs that the rows, the journal and the engines agree. Read-only but for a run's record, and
for seals.

`run_reconciliation` is one run: what Postgres has behind the newest seal, or in a full proof all it
has, is read from one snapshot of the database, and each engine ③ is asked how it stood at that
snapshot's cursor. `seal_if_due` seals what was proven.
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
from persistence.reconciliation.seal_proof import differences_of_seal
from persistence.reconciliation.sealer import seal_if_due
from persistence.sealing.due import DueSeal, due_seal
from persistence.sealing.scope import newest_seal

__all__ = [
    "ASKED_S",
    "RESTS",
    "Difference",
    "DueSeal",
    "Reconciled",
    "asked_at",
    "claim_run",
    "differences_of_seal",
    "due_seal",
    "forget_claim",
    "is_overdue",
    "is_running",
    "newest_run",
    "newest_seal",
    "reconcile",
    "run_asked",
    "run_if_due",
    "run_reconciliation",
    "seal_if_due",
    "wallet_differences",
]
