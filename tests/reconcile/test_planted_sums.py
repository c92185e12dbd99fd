"""Sums that are kept beside the journal, changed behind the exchange's back."""

import pytest

from ledger.balances import kinds
from ledger.balances.kinds import DAY_MS, HOUR_MS, MINUTE_MS, add_new_entries
from ledger.balances.models import KindFlow, KindFlowEnd
from ledger.models import JournalEntry
from tests.reconcile.planting import first_of, found, plant


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ("SET amount_units = amount_units + 1", "{kind} by {name}"),
        ("SET account_kind = 'insurance'", "insurance by {name}"),
    ],
)
@pytest.mark.parametrize(
    ("interval_ms", "name"), [(DAY_MS, "days"), (HOUR_MS, "hours"), (MINUTE_MS, "minutes")]
)
def test_sums_of_a_kind_that_are_not_those_of_postings(session, interval_ms, name, change, subject):
    """Wherever the sums end: what came later is in none of them yet."""
    before, last = JournalEntry.objects.earliest("pk").pk - 1, JournalEntry.objects.latest("pk").pk
    KindFlowEnd.objects.create(pk=1, last_entry_id=before)
    assert found() == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "STRETCH_ENTRIES", (last - before) // 2)
        patch.setattr(kinds, "STRETCHES_MAX", 1)
        assert add_new_entries()
    assert found() == []
    kept = first_of(KindFlow.objects.filter(interval_ms=interval_ms).order_by("pk"))
    plant(f"UPDATE ledger_kindflow {change} WHERE id = %s", kept.pk)
    said = {(one.check, one.subject) for one in found()}
    assert ("sums of a kind", subject.format(kind=kept.account_kind, name=name)) in said
