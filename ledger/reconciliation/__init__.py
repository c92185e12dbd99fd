"""⑤ Proofs that the rows, the journal and the engines agree. Read-only but for a run's record.

`run_reconciliation` is one run: everything in Postgres is read from one snapshot of the database,
and each engine ③ is asked how it stood at that snapshot's cursor.
"""

from ledger.reconciliation.differences import Difference
from ledger.reconciliation.runs import (
    Reconciled,
    newest_run,
    reconcile,
    run_reconciliation,
    run_unless_running,
    wallet_differences,
)

__all__ = [
    "Difference",
    "Reconciled",
    "newest_run",
    "reconcile",
    "run_reconciliation",
    "run_unless_running",
    "wallet_differences",
]
