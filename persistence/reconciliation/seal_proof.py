"""Seals held against the rows they were made of, and against each other."""

from collections.abc import Iterator

from django.db import transaction

from ledger.archive.rows import POSTINGS
from ledger.archive.shadow import all_rows_shown
from persistence.reconciliation.checks import check_values, in_one_snapshot
from persistence.reconciliation.differences import Difference, run_check
from persistence.reconciliation.market_checks import (
    FILL_OWNERS,
    FILL_POSTINGS,
    ORDER_POSTINGS,
    TRADE_IDS,
    TRADES,
)
from persistence.reconciliation.money_checks import JOURNAL_ENTRIES
from persistence.reconciliation.sealer import counts_after
from persistence.sealing.contents import (
    BLOCK_ROWS,
    PositionAtSeal,
    StretchContents,
    contents_of,
    digest_of,
)
from persistence.sealing.models import JournalSeal
from persistence.sealing.scope import StretchEnd, behind
from trading.archive.rows import FILLS

CHECK = "seal"
_OF_A_STRETCH = (JOURNAL_ENTRIES, ORDER_POSTINGS, FILL_OWNERS, FILL_POSTINGS, TRADES, TRADE_IDS)


def seal_differences() -> Iterator[Difference]:
    """Of all seals, in their order. Raises DatabaseError."""
    before = None
    for seal in JournalSeal.objects.order_by("pk"):
        yield from _of_seal(seal, before)
        before = seal


def differences_of_seal(number: int) -> list[Difference]:
    """Of one: also what its own stretch proves by itself. Raises LookupError for a number without
    a seal, and DatabaseError. Not inside another transaction."""
    with transaction.atomic(durable=True):
        in_one_snapshot(read_only=False)
        seal = JournalSeal.objects.filter(pk=number).first()
        if seal is None:
            raise LookupError(f"there is no seal {number}")
        before = JournalSeal.objects.filter(pk__lt=number).order_by("-pk").first()
        with all_rows_shown(POSTINGS), all_rows_shown(FILLS):
            differences = list(_of_seal(seal, before))
            scope = behind(before, _end_of(seal))
            for check in _OF_A_STRETCH:
                differences += run_check(check, check_values(None), scope).shown
    return differences


def _end_of(seal: JournalSeal) -> StretchEnd:
    markets = {row.market_id: (row.seq, row.trade_id) for row in seal.markets.all()}
    return StretchEnd(seal.last_entry_id, seal.last_order_id, markets)


def _of_seal(seal: JournalSeal, before: JournalSeal | None) -> Iterator[Difference]:
    last = before.pk if before else 0
    if seal.pk != last + 1:
        yield _difference(seal, "the seal before it", f"seal {seal.pk - 1}", f"seal {last}")
    expected = before.sha256 if before else ""
    if seal.previous_sha256 != expected:
        yield _difference(seal, "hash of the seal before it", expected, seal.previous_sha256)
    end = _end_of(seal)
    contents = contents_of(behind(before, end))
    yield from _of_blocks(seal, before, contents)
    for name, count in counts_after(before, contents).items():
        if getattr(seal, name) != count:
            yield _difference(seal, name.replace("_", " "), count, getattr(seal, name))
    yield from _of_sums(seal, contents)
    found = digest_of(seal, end.markets, contents)
    if found != seal.sha256:
        yield _difference(seal, "hash", seal.sha256, found)


def _of_blocks(
    seal: JournalSeal, before: JournalSeal | None, contents: StretchContents
) -> Iterator[Difference]:
    """The hundreds of rows in which one was changed, added or removed since."""
    first_entry = before.last_entry_id + 1 if before else 1
    for market_id in sorted({*seal.blocks, *contents.blocks}):
        sealed, found = seal.blocks.get(market_id, {}), contents.blocks.get(market_id, {})
        for block in sorted({*sealed, *found}, key=int):
            if sealed.get(block) == found.get(block):
                continue
            first, last = int(block) * BLOCK_ROWS + 1, (int(block) + 1) * BLOCK_ROWS
            if market_id:
                rows = f"trades {first} to {last}"
            else:
                last = min(last, seal.last_entry_id)
                rows = f"journal entries {max(first, first_entry)} to {last} and their postings"
            values = sealed.get(block, "no rows"), found.get(block, "no rows")
            yield Difference(CHECK, market_id, f"{seal}: {rows}", *values)


def _of_sums(seal: JournalSeal, contents: StretchContents) -> Iterator[Difference]:
    sealed = dict(seal.totals.values_list("account_id", "total_units"))
    for account_id in sorted({*sealed, *contents.totals}):
        expected, total = contents.totals.get(account_id), sealed.get(account_id)
        if expected != total:
            yield _difference(seal, f"sum of account {account_id}", expected, total)
    fields = PositionAtSeal._fields
    rows = {row[:2]: PositionAtSeal(*row) for row in seal.positions.values_list(*fields)}
    stood = {position[:2]: position for position in contents.positions}
    for key in sorted({*rows, *stood}):
        if rows.get(key) != stood.get(key):
            name = f"{seal}: position of user {key[1]}"
            yield Difference(CHECK, key[0], name, str(stood.get(key)), str(rows.get(key)))


def _difference(seal: JournalSeal, what: str, expected: object, found: object) -> Difference:
    return Difference(CHECK, "", f"{seal}: {what}", str(expected), str(found))
