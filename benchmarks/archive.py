"""Postings in a file beside the partition that they were: bytes, and what readers wait for.

A partition of a million (200,000 with `--short`), of many traders, a few of whom moved all the time
and most now and then, with amounts that look random. A seal that covers it is put there by hand:
what a proof costs is measured elsewhere. Reads are those of the API's selectors, in this process,
beside the same reads before the partition went.
"""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.report import Row, main, progress
from benchmarks.servers import start_servers

STAGE = "archive"
MANY, SHORT = 1_000_000, 200_000
USERS = 2_000
ROUNDS = 5
_ENTRIES = """
INSERT INTO ledger_journalentry (kind, created_at)
SELECT CASE n %% 2 WHEN 0 THEN 'order_hold' ELSE 'fill' END, now() - interval '1 day'
  FROM generate_series(1, %s) n
"""
# Holds of two lines, fills of four; every other one is of one of ten traders.
_POSTINGS = """
INSERT INTO ledger_posting (entry_id, account_id, amount_units, kind)
SELECT e.id, (CASE line.place WHEN 4 THEN %(fees)s ELSE
              (SELECT id FROM ledger_account
                WHERE user_id = e.user_id AND kind = line.account) END),
       line.sign * e.units, line.kind
  FROM (SELECT id, kind, (10 + random() * 1000000000)::bigint AS units,
               (SELECT min(id) FROM accounts_user)
               + CASE WHEN random() < 0.5 THEN (random() * 9)::int
                      ELSE (random() * (%(users)s - 1))::int END AS user_id
          FROM ledger_journalentry OFFSET 0) e
  JOIN (VALUES ('order_hold', 1, 'available', -1, NULL), ('order_hold', 2, 'held', 1, NULL),
               ('fill', 1, 'held', -1, NULL), ('fill', 2, 'margin', 1, NULL),
               ('fill', 3, 'available', -1, 'fee'), ('fill', 4, 'fees', 1, 'fee')
       ) line (of_kind, place, account, sign, kind) ON line.of_kind = e.kind
 ORDER BY e.id, line.place
"""


def run(short: bool) -> list[Row]:
    postings = SHORT if short else MANY
    os.environ["PARTITION_POSTINGS"] = str(postings)
    os.environ["ARCHIVE_DIR"] = tempfile.mkdtemp(prefix="archive-")
    start_servers()
    from django.core.management import call_command
    from django.db import connection

    from common.postgres.partitions import partitions_of
    from ledger.archive.models import detached_files
    from ledger.archive.rows import POSTINGS

    call_command("migrate", verbosity=0)
    busy, quiet = _make(postings)
    partition = partitions_of("ledger_posting")[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [partition.name])
        (table_bytes,) = cursor.fetchone()
    before = _reads(busy, quiet)
    progress(STAGE, f"{partition.name} goes to a file")
    took_s = _timed(_archive)
    (file,) = detached_files(POSTINGS)
    each = file.row_count
    rows = [
        Row(STAGE, "a posting", file.size_bytes / each, "bytes", table_bytes / each),
        Row(STAGE, "to write, compare and drop it", took_s / each * 1e6, "µs a posting"),
    ]
    after = _reads(busy, quiet)
    rows += [
        Row(STAGE, name, seconds * 1e3, "ms", before[name] * 1e3) for name, seconds in after.items()
    ]
    return rows


def _make(postings: int) -> tuple[int, int]:
    """A busy trader and one who moved now and then, by their ids."""
    from django.db import connection

    from accounts.models import User
    from ledger.models import Account, AccountKind

    progress(STAGE, f"{postings:,} postings")
    for number in range(USERS):
        User.objects.create(username=f"archived{number}", password="!")
    first = User.objects.earliest("pk").pk
    fees = Account.objects.get(kind=AccountKind.FEES)
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [postings // 3 + 1_000])
        cursor.execute(_POSTINGS, {"users": USERS, "fees": fees.pk})
        cursor.execute("ANALYZE ledger_posting, ledger_journalentry")
    return first + 5, first + USERS - 5


def _archive() -> None:
    from common.postgres.partitions import partitions_of
    from ledger.models import JournalEntry
    from persistence.archiving.due import Closed
    from persistence.archiving.going import archive
    from persistence.archiving.postings import ArchivedPostings
    from persistence.sealing.models import JournalSeal

    last = JournalEntry.objects.latest("pk").pk
    nothing = dict.fromkeys(
        ("last_order_id", "last_life_id", "last_mark_id", "entry_count", "posting_count",
         "fill_count", "order_count", "fee_units"), 0,
    )  # fmt: skip
    JournalSeal.objects.create(
        id=1, last_entry_id=last, blocks={}, sealed_at=datetime.now(UTC), **nothing
    )
    postings = ArchivedPostings()
    archive(Closed(postings, partitions_of(postings.layout.table)[0], ""))


def _reads(busy: int, quiet: int) -> dict[str, float]:
    from common.postgres.windows import Window
    from ledger.archive.shadow import entries_shown
    from ledger.models import JournalEntry, Posting
    from ledger.selectors import LedgerFilter, newest_postings_of_user
    from trading.statements.services import statement_of, written
    from trading.statements.writing import CsvWriter

    end = datetime.now(UTC) - timedelta(hours=1)  # the journal's own sums: wallets know nothing
    entries = list(JournalEntry.objects.order_by("pk").values_list("pk", flat=True)[5_000:5_020])

    def page(user: int, asked: LedgerFilter) -> Callable[[], object]:
        return lambda: newest_postings_of_user(user, asked, 50, 500_000)

    def statement(user: int) -> None:
        for _ in written(statement_of(user, Window(None, end)), CsvWriter()):
            pass

    def of_entries() -> None:
        with entries_shown(entries):
            list(Posting.objects.filter(entry__in=entries))

    everything, fees = LedgerFilter(), LedgerFilter(kinds=["fee"])
    asked: dict[str, Callable[[], object]] = {
        "a page of a busy trader": page(busy, everything),
        "a page of a quiet trader": page(quiet, everything),
        "a page of a busy trader's fees": page(busy, fees),
        "a page of a quiet trader's fees": page(quiet, fees),
        "postings of 20 entries": of_entries,
        "a busy trader's statement": lambda: statement(busy),
        "a quiet trader's statement": lambda: statement(quiet),
    }
    return {
        name: min(_timed(read) for _ in range(1 if "busy trader's st" in name else ROUNDS))
        for name, read in asked.items()
    }


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(run, STAGE)
