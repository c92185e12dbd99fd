"""From a moment along the chain: its events, the rows it changed, their postings."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Model, Q, QuerySet
from django.utils.html import format_html, format_html_join

from accounts.display import user_link
from common.admin import when
from common.admin.base import TABLE_ROWS_MAX, Cell, Table, link, list_link, words
from console.why.happened import accounts_of, held_words, sentences
from console.why.stream import Moment, ms_of, names
from ledger.archive.picking import may_have
from ledger.archive.shadow import entries_shown, newest_shown
from ledger.models import Account, AccountKind, JournalEntry, Posting, Wallet
from ledger.tables import account_cell, entries_table
from markets.display import gain_or_loss, money, price, size
from markets.models import Market
from matching.messages.events import OutputEntry, PositionChanged
from trading.archive.picking import of_trades
from trading.archive.shown import fills_shown
from trading.models import (
    Fill,
    FundingSettlement,
    Liquidation,
    Order,
    Position,
    Settlement,
)
from trading.trades import fills_of_trades

EVENTS_SHOWN = 12
ROWS_SHOWN = 10
LINES_SHOWN = 40
POSTINGS_LOOKED_AT = 5_000

MayView = Callable[[type[Model]], bool]


class Subject(NamedTuple):
    """Whose part of an entry is shown: an entry may be about every trader of a market. 0: not of
    one user, order or trade alone."""

    user_id: int = 0
    order_id: int = 0
    trade_id: int = 0

    def is_in(self, event: Any) -> bool:
        if self.order_id:
            return names(event, self.order_id)
        if self.trade_id:
            return getattr(event, "trade_id", 0) == self.trade_id
        return not self.user_id or self.user_id in accounts_of(event)


EVERYBODY = Subject()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a page says of a record before it follows the chain.

    sentences   the answer, the first of them in one line
    rules       (name, value): the market's, or the order's own
    moments     entries that the record was in, oldest first; the last one is what it is about
    unknown     what is not kept
    placed      the order whose placing the last moment was, where rows leave no other possibility
    """

    market: Market
    sentences: Sequence[Cell]
    subject: Subject = EVERYBODY
    rules: Sequence[tuple[str, Cell]] = ()
    moments: Sequence[Moment] = ()
    unknown: list[str] = field(default_factory=list)
    placed: Order | None = None


def events_shown(
    market: Market, entry: OutputEntry, may_view: MayView, subject: Subject
) -> list[Cell]:
    """In words; with the subject's alone where there are more than a page takes."""
    events: Iterable[Any] = entry.events
    if len(entry.events) > EVENTS_SHOWN:
        events = (event for event in entry.events if subject.is_in(event))
    return list(sentences(market, islice(events, EVENTS_SHOWN), may_view))


# --- rows -----------------------------------------------------------------------------------------


def rows_table(
    market: Market,
    moment: Moment,
    entry: OutputEntry | None,
    lines: Sequence[Posting],
    subject: Subject,
    may_view: MayView,
) -> Table:
    """The rows the entry changed, as its postings and events name them."""
    found = _Rows(market, moment, entry, lines, subject)
    cells = [row for model, make in _KINDS for row in (make(found) if may_view(model) else ())]
    return Table(
        "Rows it changed",
        Order,
        ("row", "of", "what", "as it is now"),
        cells,
        empty="None is known: it moved no money, and its events are gone or name no row.",
    )


class _Rows:
    """Ids named by the moment's postings, and by its events where they are kept."""

    def __init__(
        self,
        market: Market,
        moment: Moment,
        entry: OutputEntry | None,
        lines: Sequence[Posting],
        subject: Subject,
    ) -> None:
        self.market, self.moment, self.user_id = market, moment, subject.user_id
        order_ids = {line.entry.order_id for line in lines}
        trade_ids = {line.entry.trade_id for line in lines}
        self.moved = {
            line.account.user_id for line in lines if line.account.kind == AccountKind.MARGIN
        }
        for event in entry.events if entry else ():
            if subject.is_in(event):
                order_ids.add(getattr(event, "order_id", None))
                trade_ids.add(getattr(event, "trade_id", None))
            if isinstance(event, PositionChanged):
                self.moved.add(event.account_id)
        self.order_ids = {subject.order_id} if subject.order_id else order_ids - {None, 0}
        self.trade_ids = {trade_id for trade_id in trade_ids if trade_id is not None}

    def of(self, model: Any, **keys: Any) -> QuerySet[Any]:
        """Of the subject's user, where there is one."""
        return self.shown(model.objects.filter(market=self.market, **keys))

    def shown(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.user_id:
            rows = rows.filter(user=self.user_id)
        return rows.select_related("user").order_by("pk")[:ROWS_SHOWN]


Row = tuple[Cell, Cell, Cell, Cell]


def _orders(found: _Rows) -> Iterable[Row]:
    for order in found.of(Order, pk__in=found.order_ids):
        order.market = found.market
        filled = f"{size(order.filled_lots, found.market)} filled"
        now = f"{order.status} {order.reason}".strip()
        yield link(Order, order.pk, order), user_link(order.user), order.side, f"{now}, {filled}"


def _fills(found: _Rows) -> Iterable[Row]:
    with fills_shown(of_trades(found.market.pk, found.trade_ids)):
        fills = list(found.shown(fills_of_trades(found.market.pk, found.trade_ids)))
    for fill in fills:
        at = f"{size(fill.size_lots, found.market)} at {price(fill.price_ticks, found.market)}"
        what = f"{fill.execution} {fill.role} {fill.side}"
        yield link(Fill, fill.pk, f"fill {fill.pk}"), user_link(fill.user), what, at


def _liquidations(found: _Rows) -> Iterable[Row]:
    for row in found.of(Liquidation, seq=found.moment.seq):
        left = size(abs(row.left_lots), found.market)
        what = f"equity {money(row.equity_units)}"
        yield link(Liquidation, row.pk, row), user_link(row.user), what, f"{left} left"


def _fundings(found: _Rows) -> Iterable[Row]:
    for row in FundingSettlement.objects.filter(market=found.market, seq=found.moment.seq):
        paid = f"{money(row.paid_units)} paid and received"
        yield link(FundingSettlement, row.pk, f"funding {row.pk}"), "", when(row.funding_time), paid


def _settlements(found: _Rows) -> Iterable[Row]:
    for row in found.of(Settlement, seq=found.moment.seq):
        back = f"{money(row.returned_units)} returned"
        yield link(Settlement, row.pk, row), user_link(row.user), "", back


def _positions(found: _Rows) -> Iterable[Row]:
    """A position keeps what it is now; whether this entry was the last to change it, it says."""
    for row in found.of(Position, user__in=found.moved):
        is_last = row.seq == found.moment.seq
        what = "as this entry left it" if is_last else f"changed since, at sequence {row.seq}"
        now = f"{held_words(row.position_lots, found.market)}, margin {money(row.margin_units)}"
        yield link(Position, row.pk, "position"), user_link(row.user), what, now


_KINDS: Sequence[tuple[type[Model], Callable[[_Rows], Iterable[Row]]]] = (
    (Order, _orders),
    (Fill, _fills),
    (Liquidation, _liquidations),
    (FundingSettlement, _fundings),
    (Settlement, _settlements),
    (Position, _positions),
)


# --- postings -------------------------------------------------------------------------------------


def lines_of(market: Market, moment: Moment, subject: Subject) -> list[Posting]:
    """The subject's own, and those on the exchange's accounts in the same journal entries."""
    journal = JournalEntry.objects.filter(market=market, seq=moment.seq)
    if subject.order_id:
        journal = journal.filter(order_id=subject.order_id)
    if subject.trade_id:
        journal = journal.filter(trade_id=subject.trade_id)
    with entries_shown(list(journal.values_list("pk", flat=True))):
        lines = Posting.objects.filter(entry__in=journal)
        if subject.user_id:
            own_accounts = Account.objects.filter(user=subject.user_id)
            accounts = list(own_accounts.values_list("pk", flat=True))
            of_own = lines.filter(account__in=accounts).values_list("entry", flat=True)
            lines = Posting.objects.filter(entry__in=set(of_own[:LINES_SHOWN]))
            lines = lines.filter(Q(account__in=accounts) | Q(account__user=None))
        found = lines.select_related("entry", "account__user").order_by("pk")
        return list(found[:LINES_SHOWN])


def postings_table(market: Market, moment: Moment, lines: Sequence[Posting]) -> Table:
    """By journal entry; each amount leads to its posting."""
    by_entry: dict[JournalEntry, list[Posting]] = {}
    for line in lines:
        by_entry.setdefault(line.entry, []).append(line)
    query = f"market__id__exact={market.pk}&seq={moment.seq}"
    return Table(
        f"Postings of sequence {moment.seq}",
        JournalEntry,
        ("entry", "kind", "postings"),
        [
            (link(JournalEntry, entry.pk), entry.kind.replace("_", " "), _lines_cell(lines))
            for entry, lines in by_entry.items()
        ],
        empty="No money moved.",
        note=list_link(JournalEntry, query, "All journal entries of this sequence"),
    )


def _lines_cell(lines: list[Posting]) -> Cell:
    return format_html_join(
        "",
        '<div class="posting">{} {}</div>',
        (
            (link(Posting, line.pk, gain_or_loss(line.amount_units)), account_cell(line.account))
            for line in lines
        ),
    )


def hold_of(order: Order) -> Table:
    """What was moved when the order was placed, before any entry: no sequence is on it."""
    entries = JournalEntry.objects.filter(order_id=order.pk, seq__isnull=True).order_by("pk")
    return entries_table("Held before the engine saw it", entries)


def margin_delta(fill: Fill) -> Cell:
    """What the fill put into its account's margin, by its postings."""
    journal = JournalEntry.objects.filter(
        market=fill.market_id, seq=fill.seq, trade_id=fill.trade_id
    )
    with entries_shown(list(journal.values_list("pk", flat=True))):
        lines = Posting.objects.filter(
            entry__in=journal, account__user=fill.user_id, account__kind=AccountKind.MARGIN
        )
        amounts = list(lines.values_list("amount_units", flat=True))
    return format_html("margin {}", gain_or_loss(sum(amounts))) if amounts else ""


def free_units_at(user_id: int, moment: Moment) -> int | None:
    """What the wallet had available at a time, as the journal has it: what it has, less what came
    since. None where too much has come since to look at."""
    wallet = Wallet.objects.filter(pk=user_id).first()
    if wallet is None:
        return None
    account = Account.objects.get(user=user_id, kind=AccountKind.AVAILABLE)
    lines = Posting.objects.filter(account=account).order_by("-pk")
    read = lines.values_list("amount_units", "entry__created_at")[:POSTINGS_LOOKED_AT]
    newest = list(read)
    if len(newest) < POSTINGS_LOOKED_AT and may_have([account.pk]):
        with newest_shown([account.pk], POSTINGS_LOOKED_AT):
            newest = list(read.all())
    since = [amount for amount, at in newest if ms_of(at) > moment.time_ms]
    if len(since) == POSTINGS_LOOKED_AT:
        return None
    available: int = wallet.available_units
    return available - sum(since)


def moments_table(explained: Explanation, url: str, chosen: Moment) -> Table:
    def cells(moment: Moment) -> tuple[Cell, Cell, Cell]:
        at = format_html('<a href="{}?seq={}#chain">sequence {}</a>', url, moment.seq, moment.seq)
        shown = words(at, "(below)") if moment == chosen else at
        return shown, f"{when(moment.time)} UTC", _what_moved(explained, moment)

    rows = [cells(moment) for moment in explained.moments]
    return Table("Entries it was in", Order, ("entry", "time", "what moved"), rows)


def _what_moved(explained: Explanation, moment: Moment) -> str:
    kinds = JournalEntry.objects.filter(market=explained.market, seq=moment.seq)
    if explained.subject.order_id:
        kinds = kinds.filter(order_id=explained.subject.order_id)
    found = sorted(set(kinds.values_list("kind", flat=True)[:TABLE_ROWS_MAX]))
    return ", ".join(kind.replace("_", " ") for kind in found) or "no money"
