"""The seal that could be made by now, and since when: what lets a sealer that stopped be seen."""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from ledger.models import JournalEntry
from persistence.sealing.models import JournalSeal


class DueSeal(NamedTuple):
    """``since``: its last entry is there, and so is the seal before it. One after another is made
    of a long history, so that alone says nothing."""

    number: int
    last_entry_id: int
    since: datetime


def due_seal() -> DueSeal | None:
    """The next, once the journal has as many entries; reads no hashes of the one before."""
    newest = JournalSeal.objects.values_list("pk", "last_entry_id", "sealed_at").first()
    number, after_entry, sealed_at = newest or (0, 0, None)
    last_entry_id = after_entry + settings.SEAL_ENTRIES
    of_last = JournalEntry.objects.filter(pk__gte=last_entry_id).order_by("pk")
    there_at = of_last.values_list("created_at", flat=True).first()
    if there_at is None:
        return None
    return DueSeal(number + 1, last_entry_id, max(there_at, sealed_at or there_at))
