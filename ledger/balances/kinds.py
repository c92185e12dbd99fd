"""What all accounts of a kind gained together, by day, hour and minute; added to by one worker at a
time, of entries that are all there."""

from django.db import connection, transaction

from common.postgres.horizon import complete_ids
from ledger.archive.shadow import entries_shown
from ledger.balances.models import KindFlow, KindFlowEnd
from ledger.models import AccountKind, JournalEntry

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
STRETCH_ENTRIES = 50_000
STRETCHES_MAX = 20  # of one run, where a long history is yet to be summed up

_SEQUENCE = f"{JournalEntry._meta.db_table}_id_seq"

# The range of entries is said of postings, too: so Postgres reads both by it.
_ADD = f"""
WITH minutes AS MATERIALIZED (
    SELECT floor(extract(epoch FROM entry.created_at) * 1000 / {MINUTE_MS})::bigint * {MINUTE_MS}
               AS start_ms,
           account.kind, account.market_id, sum(posting.amount_units) AS units
      FROM ledger_journalentry entry
      JOIN ledger_posting posting ON posting.entry_id = entry.id
      JOIN ledger_account account ON account.id = posting.account_id
     WHERE entry.id > %(after)s AND entry.id <= %(last)s
       AND posting.entry_id > %(after)s AND posting.entry_id <= %(last)s
       AND (account.user_id IS NOT NULL OR account.kind = '{AccountKind.CLEARING}')
     GROUP BY 1, 2, 3
)
INSERT INTO {KindFlow._meta.db_table} AS flow
       (interval_ms, start_ms, account_kind, market_id, amount_units)
SELECT kept.interval_ms, start_ms / kept.interval_ms * kept.interval_ms, kind, market_id, sum(units)
  FROM minutes CROSS JOIN (VALUES ({MINUTE_MS}), ({HOUR_MS}), ({DAY_MS})) AS kept(interval_ms)
 GROUP BY 1, 2, 3, 4
    ON CONFLICT (interval_ms, start_ms, account_kind, market_id) DO UPDATE
   SET amount_units = flow.amount_units + excluded.amount_units
"""  # noqa: S608  no outside text


def add_new_entries() -> int:
    """How many ids of entries were added. None while a transaction that drew one doesn't end: the
    next run does it. Not inside another transaction."""
    ids = complete_ids([_SEQUENCE])
    if ids is None:
        return 0
    KindFlowEnd.objects.get_or_create(pk=1, defaults={"last_entry_id": 0})
    added = 0
    for _ in range(STRETCHES_MAX):
        stretch = _add_stretch(ids[0])
        if stretch == 0:
            break
        added += stretch
    return added


@transaction.atomic(durable=True)
def _add_stretch(complete_id: int) -> int:
    """Where another worker is at it, from where that one ended."""
    end = KindFlowEnd.objects.select_for_update().get(pk=1)
    after, last = end.last_entry_id, min(end.last_entry_id + STRETCH_ENTRIES, complete_id)
    if last <= after:
        return 0
    # What is added anew from the beginning is in files by now.
    with entries_shown(range(after + 1, last + 1)), connection.cursor() as cursor:
        cursor.execute(_ADD, {"after": after, "last": last})
    end.last_entry_id = last
    end.save(update_fields=["last_entry_id"])
    return last - after
