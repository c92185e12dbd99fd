"""Seals of a session, whose ids begin where those of other tests ended."""

from ledger.models import JournalEntry
from persistence.reconciliation import Reconciled, reconcile
from persistence.reconciliation.sealer import seal_stretches
from persistence.sealing.models import JournalSeal


def everything() -> Reconciled:
    return reconcile(is_full=True)


def seal_half() -> JournalSeal:
    """About half of the session, as one stretch."""
    ids = list(JournalEntry.objects.order_by("pk").values_list("pk", flat=True))
    (seal,) = seal_stretches(ids[len(ids) * 3 // 5])
    return seal


def first_entry() -> int:
    return JournalEntry.objects.order_by("pk").values_list("pk", flat=True)[0]


def last_entry() -> int:
    return JournalEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]
