"""Postings: which may go, and what is kept of them.

A partition may go once a seal covers the entries its postings name: from then on only a full proof
reads them all. What a periodic run of reconciliation still reads must stay: entries of sequences
that are not sealed whole, those whose sums of kinds are yet to be added up, and what kept balances
that no seal proved were summed from.
"""

from collections.abc import Iterator, Mapping

from django.db import connection

from common.postgres.partitions import Partition
from ledger.archive.models import DETACHED, ArchivedAccount, ArchivedHold, ArchiveFile
from ledger.archive.rows import POSTINGS, Contents
from ledger.balances.models import BalanceMark, KindFlowEnd
from persistence.archiving.kinds import ArchivedKind
from persistence.sealing.models import JournalSeal

_BATCH_ROWS = 5_000
_NOT_SEALED_WHOLE = """
SELECT market.market_id, entry.seq FROM persistence_sealedmarket market
 CROSS JOIN LATERAL (SELECT id, seq FROM ledger_journalentry
                      WHERE market_id = market.market_id AND seq > market.seq
                        AND id <= %s ORDER BY seq LIMIT 1) entry
 WHERE market.seal_id = %s LIMIT 1
"""
_TOTALS_BEFORE = f"""
SELECT DISTINCT ON (told.account_id) told.account_id, told.total_units
  FROM ledger_archivedaccount told JOIN ledger_archivefile file ON file.id = told.file_id
 WHERE told.account_id = ANY(%s) AND file.end_id <= %s AND file.id IN ({DETACHED})
 ORDER BY told.account_id, file.end_id DESC
"""  # noqa: S608  words of ours
# Of orders that reconciliation will look at again, all that was held in the partition.
_HOLDS = """
SELECT entry.order_id, entry.market_id, sum(posting.amount_units)::bigint
  FROM (SELECT order_id AS id FROM persistence_carriedorder
         UNION SELECT id FROM trading_order WHERE id > %(after_order)s) looked_at
 CROSS JOIN LATERAL (SELECT id, order_id, market_id FROM ledger_journalentry
                      WHERE order_id = looked_at.id AND id <= %(last_entry)s OFFSET 0) entry
 CROSS JOIN LATERAL (SELECT account_id, amount_units FROM {partition}
                      WHERE entry_id = entry.id OFFSET 0) posting
  JOIN ledger_account account ON account.id = posting.account_id AND account.kind = 'held'
 GROUP BY entry.order_id, entry.market_id
"""


class ArchivedPostings(ArchivedKind):
    layout = POSTINGS
    rows = "postings"

    def contents(self) -> Contents:
        return Contents()

    def why_not(self, partition: Partition, seal: JournalSeal) -> str:
        last_entry_id = _last_entry_id(partition)
        if last_entry_id > seal.last_entry_id:
            return (
                f"its entries go up to {last_entry_id:,}, the newest seal to"
                f" {seal.last_entry_id:,}: wait for the next"
            )
        with connection.cursor() as cursor:
            cursor.execute(_NOT_SEALED_WHOLE, [last_entry_id, seal.pk])
            if found := cursor.fetchone():
                return f"sequence {found[1]:,} of {found[0]} is not sealed whole: wait for the next"
        summed = KindFlowEnd.objects.values_list("last_entry_id", flat=True).first() or 0
        if last_entry_id > summed:
            return f"sums of kinds go up to entry {summed:,}: a worker adds to them"
        marks = BalanceMark.objects.filter(pk__gt=seal.last_mark_id, posting_id__lt=partition.end)
        if marks.exists():
            return "a balance kept within it is not proven yet: wait for the next seal"
        return ""

    def columns_of(self, contents: Contents) -> dict[str, int]:
        return {
            "first_entry_id": contents.first_entry_id,
            "last_entry_id": contents.last_entry_id,
        }

    def tell(
        self, file: ArchiveFile, partition: Partition, contents: Contents, seal: JournalSeal
    ) -> None:
        _tell_accounts(file, contents)
        ArchivedHold.objects.bulk_create(
            ArchivedHold(file=file, order_id=order, market_id=market, amount_units=units)
            for order, market, units in _holds(partition, contents, seal)
        )

    def wrong_with(self, file: ArchiveFile, contents: Contents) -> Iterator[str]:
        told = {one.account_id: one for one in ArchivedAccount.objects.filter(file=file)}
        for account_id in sorted({*told, *contents.rows_of}):
            one = told.get(account_id)
            said = one and (one.row_count, one.amount_units, one.groups)
            found = tuple(
                of[account_id] for of in (contents.rows_of, contents.units_of, contents.groups_of)
            )
            if said != found:
                yield f"{file}: account {account_id} has {found}, and was told to have {said}"


def _last_entry_id(partition: Partition) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(max(entry_id), 0) FROM {partition.name}")  # noqa: S608
        (last,) = cursor.fetchone()
    return int(last)


def _tell_accounts(file: ArchiveFile, contents: Contents) -> None:
    accounts = sorted(contents.rows_of)
    for first in range(0, len(accounts), _BATCH_ROWS):
        some = accounts[first : first + _BATCH_ROWS]
        before = _totals_before(file.first_id, some)
        ArchivedAccount.objects.bulk_create(
            ArchivedAccount(
                file=file,
                account_id=account,
                row_count=contents.rows_of[account],
                amount_units=contents.units_of[account],
                total_units=before.get(account, 0) + contents.units_of[account],
                groups=contents.groups_of[account],
            )
            for account in some
        )


def _totals_before(first_id: int, account_ids: list[int]) -> Mapping[int, int]:
    """All before the oldest partition lies in files."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS_BEFORE, [account_ids, first_id])
        return dict(cursor.fetchall())


def _holds(
    partition: Partition, contents: Contents, seal: JournalSeal
) -> list[tuple[int, str, int]]:
    values = {"after_order": seal.last_order_id, "last_entry": contents.last_entry_id}
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS.format(partition=partition.name), values)
        return list(cursor.fetchall())
