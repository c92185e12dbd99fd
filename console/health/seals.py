"""Whether the journal goes on being sealed."""

from datetime import datetime, timedelta

from console.health.words import seconds
from persistence.reconciliation import due_seal

LATE_AFTER = timedelta(minutes=15)  # it is tried every minute


def seals_finding(now: datetime) -> tuple[bool, str]:
    """Raises DatabaseError."""
    due = due_seal()
    if due is None:
        return True, "none is due"
    late = now - due.since
    ago = seconds(max(0, late // timedelta(milliseconds=1)))
    if late < LATE_AFTER:
        return True, f"seal {due.number} is due for {ago}"
    why = "the log says why: seal_refused or seal_put_off"
    return False, f"seal {due.number} is due for {ago}, and is not made; {why}"
