"""What each row says in a line: who, how much, in human units, and where its record is."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.display import user_link
from common.admin import when
from common.admin.base import Cell, link, words
from console.audit.models import AuditRow
from console.incident.sources.fields import fields_words, name_words
from ledger.archive.shadow import entries_shown
from ledger.models import JournalEntry, Posting
from ledger.tables import account_cell
from markets.display import funding_rate, gain_or_loss, money, price, size
from markets.models import Market
from matching.messages.vocabulary import ExecutionType, Side
from persistence.models import DeadLetter, PersistenceFault, QuarantinedEntry, ReconcileRun
from trading.models import Fill, FundingSettlement, Liquidation, Order, OutboxCommand

POSTINGS_SHOWN_MAX = 12
_SOME_OF_EACH = """
SELECT posting.id FROM unnest(%s::bigint[]) entry(id)
 CROSS JOIN LATERAL (SELECT id FROM ledger_posting WHERE entry_id = entry.id LIMIT %s) posting
"""
_AND_MORE = SafeString('<div class="posting">and more, on the entry’s page</div>')


class LineWords(NamedTuple):
    words: Cell
    record: Cell
    seq: int | None = None


def commands(rows: Sequence[OutboxCommand], market: Market) -> list[LineWords]:
    return [
        LineWords(
            words(
                f"{name_words(row.command_type)}:" if _payload(row, market) else "",
                _payload(row, market) or name_words(row.command_type),
                "· by",
                user_link(row.created_by) if row.created_by else "the exchange",
                "· waiting for its engine" if row.applied_seq is None else "",
            ),
            link(OutboxCommand, row.pk, f"command {row.pk}"),
            row.applied_seq,
        )
        for row in rows
    ]


def _payload(row: OutboxCommand, market: Market) -> str:
    return fields_words(row.payload, market) if isinstance(row.payload, dict) else ""


def orders(rows: Sequence[Order], market: Market) -> list[LineWords]:
    return [
        LineWords(
            words(
                f"{row.side} {_order_size(row, market)} at {_order_price(row, market)},",
                f"{row.order_type} {row.time_in_force}",
                "reduce-only" if row.reduce_only else "",
                "· by",
                user_link(row.user),
                f"· now {row.status}{f' ({row.reason})' if row.reason else ''}",
            ),
            link(Order, row.pk, f"order {row.pk}"),
        )
        for row in rows
    ]


def _order_size(row: Order, market: Market) -> str:
    return "the whole position" if row.is_of_whole_position else size(row.size_lots, market)


def _order_price(row: Order, market: Market) -> str:
    return price(row.shown_price_ticks, market) if row.shown_price_ticks else "the market price"


def fills(rows: Sequence[Fill], market: Market) -> list[LineWords]:
    return [
        LineWords(
            words(
                "" if row.execution == ExecutionType.TRADE else f"{row.execution}:",
                f"trade {row.trade_id}, {row.role.lower()} {row.side}",
                f"{size(row.size_lots, market)} at {price(row.price_ticks, market)},",
                f"fee {money(row.fee_units)}, realised",
                gain_or_loss(row.realized_pnl_units),
                "· by",
                user_link(row.user),
            ),
            link(Fill, row.pk, f"fill {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def liquidations(rows: Sequence[Liquidation], market: Market) -> list[LineWords]:
    return [
        LineWords(
            words(
                user_link(row.user),
                f"{Side.LONG if row.position_lots > 0 else Side.SHORT}",
                f"{size(abs(row.position_lots), market)}"
                f" at a mark of {price(row.mark_price_ticks, market)}:",
                f"equity {money(row.equity_units)} below"
                f" {money(row.maintenance_units + row.fee_reserve_units)};",
                f"{size(row.filled_lots, market)} closed in the book,"
                f" {size(row.deleveraged_lots, market)} deleveraged,"
                f" {size(row.left_lots, market)} left; the fund paid"
                f" {money(row.insurance_paid_units)}",
            ),
            link(Liquidation, row.pk, f"liquidation {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def settlements(rows: Sequence[FundingSettlement], market: Market) -> list[LineWords]:
    return [
        LineWords(
            f"{funding_rate(row.rate_ppb)} at a mark of {price(row.mark_price_ticks, market)}:"
            f" {money(row.paid_units)} paid",
            link(FundingSettlement, row.pk, f"funding {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def entries(rows: Sequence[JournalEntry], _market: Market) -> list[LineWords]:
    """With their postings; of an entry to every trader some, and that there are more."""
    postings: dict[int, list[Posting]] = {row.pk: [] for row in rows}
    for posting in _postings(list(postings)):
        postings[posting.entry_id].append(posting)
    return [
        LineWords(
            format_html("{}{}", row.kind.replace("_", " "), _postings_words(postings[row.pk])),
            link(JournalEntry, row.pk, f"entry {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def _postings(entry_ids: list[int]) -> list[Posting]:
    """Of each one more than are shown, by an index: a funding settlement posts to every trader."""
    with entries_shown(entry_ids):
        with connection.cursor() as cursor:
            cursor.execute(_SOME_OF_EACH, (entry_ids, POSTINGS_SHOWN_MAX + 1))
            keys = [key for (key,) in cursor.fetchall()]
        some = Posting.objects.filter(pk__in=keys)
        return list(some.select_related("account__user").order_by("pk"))


def _postings_words(postings: Sequence[Posting]) -> Cell:
    lines = format_html_join(
        "",
        '<div class="posting">{} {}</div>',
        (
            (gain_or_loss(line.amount_units), account_cell(line.account))
            for line in postings[:POSTINGS_SHOWN_MAX]
        ),
    )
    is_cut = len(postings) > POSTINGS_SHOWN_MAX
    return format_html("{}{}", lines, _AND_MORE if is_cut else "")


def acts(rows: Sequence[AuditRow], _market: Market) -> list[LineWords]:
    return [
        LineWords(
            words(
                f"{row.operator_name or 'somebody'}: {row.verb.replace('_', ' ')}",
                row.object_words,
                f"· {row.words}" if row.words else "",
                f"· because: {row.reason}" if row.reason else "",
            ),
            link(AuditRow, row.pk, f"audit row {row.pk}"),
            row.sequence,
        )
        for row in rows
    ]


def letters(rows: Sequence[DeadLetter], _market: Market) -> list[LineWords]:
    return [
        LineWords(
            f"input {row.input_id} was no command: {row.reason}",
            link(DeadLetter, row.pk, f"dead letter {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def faults(rows: Sequence[PersistenceFault], _market: Market) -> list[LineWords]:
    return [
        LineWords(
            f"persistence stopped before it, {row.kind}: {row.reason}; "
            + (f"{row.resolution} {when(row.resolved_at)}" if row.resolved_at else "still open"),
            link(PersistenceFault, row.pk, f"fault {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def quarantined(rows: Sequence[QuarantinedEntry], _market: Market) -> list[LineWords]:
    return [
        LineWords(
            f"passed over, its rows were not written: {row.reason}",
            link(QuarantinedEntry, row.pk, f"quarantined {row.pk}"),
            row.seq,
        )
        for row in rows
    ]


def runs(rows: Sequence[ReconcileRun], _market: Market) -> list[LineWords]:
    return [
        LineWords(
            f"reconciled {row.market_id or 'everything'}:"
            f" {f'{row.difference_count:,} differences' if row.difference_count else 'clean'}",
            link(ReconcileRun, row.pk, f"run {row.pk}"),
        )
        for row in rows
    ]
