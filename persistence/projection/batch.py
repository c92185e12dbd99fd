"""⑤ The rows that a batch of output entries changes, in memory, between reading and writing."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.models import AccountKind
from ledger.posting_rules import POSTING_RULES, Movement, Owner
from matching.messages.events import Event, OutputEntry, Trade
from persistence.projection.candles import TradeFigures, figures_of_trade
from persistence.projection.lives import EntryMoment, Lives
from persistence.projection.outcomes import PerpetualChanges
from persistence.projection.prices import PriceFigures

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PersistenceStopped(Exception):
    """The market's output can't be persisted beyond the sequence before ``seq``.

    Nothing of ``seq`` and after is applied, and everything before it is. The text says why, and
    ``unforeseen`` is the exception behind it where that is a bug of ours.
    """

    def __init__(
        self, market_id: str, seq: int, why: str, unforeseen: Exception | None = None
    ) -> None:
        super().__init__(f"{market_id} stopped before sequence {seq}: {why}")
        self.market_id = market_id
        self.seq = seq
        self.why = why
        self.unforeseen = unforeseen


class SequenceGap(PersistenceStopped):
    """The output stream jumps over the sequence that should come next."""


class PoisonEntry(PersistenceStopped):
    """The entry can't be decoded, or contradicts the rows, or violates a constraint."""


class HistoryDiverged(PersistenceStopped):
    """The output stream is not the one persisted so far: a new starting point mends that."""


class ProjectedOrder:
    """An order as the ledger sees it; ``touched_ms`` is 0 until the batch changes it, and
    ``is_amended`` false until it changes what the order was placed with."""

    __slots__ = (
        "arrival",
        "cancelled_lots",
        "filled_cost_units",
        "filled_lots",
        "held_units",
        "hold_units",
        "id",
        "is_amended",
        "leverage",
        "margin_units",
        "price_ticks",
        "reason",
        "side",
        "size_lots",
        "status",
        "touched_ms",
        "trigger_callback_ppm",
        "trigger_price_ticks",
        "triggered_ms",
        "user_id",
        "visible_lots",
    )

    def __init__(
        self,
        id: int,
        user_id: int,
        side: str,
        size_lots: int,
        held_units: int,
        filled_lots: int,
        cancelled_lots: int,
        filled_cost_units: int,
        status: str,
        reason: str,
        arrival: int,
        price_ticks: int,
        margin_units: int,
        hold_units: int,
        triggered_ms: int | None,
        leverage: int,
        trigger_price_ticks: int,
        trigger_callback_ppm: int,
        visible_lots: int,
    ) -> None:
        self.id = id
        self.user_id = user_id
        self.side = side
        self.size_lots = size_lots
        self.held_units = held_units
        self.filled_lots = filled_lots
        self.cancelled_lots = cancelled_lots
        self.filled_cost_units = filled_cost_units
        self.status = status
        self.reason = reason
        self.arrival = arrival
        self.price_ticks = price_ticks
        self.margin_units = margin_units
        self.hold_units = hold_units
        self.triggered_ms = triggered_ms
        self.leverage = leverage
        self.trigger_price_ticks = trigger_price_ticks
        self.trigger_callback_ppm = trigger_callback_ppm
        self.visible_lots = visible_lots
        self.touched_ms = 0
        self.is_amended = False

    @property
    def remaining_lots(self) -> int:
        return self.size_lots - self.filled_lots - self.cancelled_lots


class FillRow(NamedTuple):
    trade_id: int
    role: str
    execution: str
    order_id: int | None
    user_id: int
    side: str
    price_ticks: int
    size_lots: int
    fee_units: int
    realized_pnl_units: int
    insurance_units: int
    seq: int
    executed_at: str


class JournalRow(NamedTuple):
    movement: Movement
    seq: int
    created_at: str


@dataclass(slots=True)
class PositionMove:
    """What the fills of one entry did to an account's position: signed lots, and the highest
    leverage of its orders by side."""

    lots: int = 0
    leverage_long: int = 0
    leverage_short: int = 0


NOT_MOVED = PositionMove()


@dataclass(slots=True)
class ProjectedPosition:
    """Resulting state; ``realized_pnl_units`` is what the batch adds.

    ``leverage`` is the highest of the batch's orders that opened or added to the position, and, if
    ``is_new`` (it was flat or of the other side, as the batch saw), all there is to its leverage.
    """

    position_lots: int = 0
    entry_cost_units: int = 0
    margin_units: int = 0
    leverage: int = 0
    is_new: bool = False
    seq: int = 0
    updated_ms: int = 0
    realized_pnl_units: int = 0


@dataclass(slots=True)
class StatusChange:
    """What the batch changes about the market's status; None leaves a column as it is. What it adds
    to the insurance fund is a sum like any other."""

    state: str | None = None
    state_reason: str | None = None
    applied_config_version: int | None = None
    mark_price_ticks: int | None = None
    index_price_ticks: int | None = None
    mark_price_ms: int | None = None
    last_price_ticks: int | None = None
    index_ms: int | None = None
    index_stale: bool | None = None
    premium_sum_ppb: int | None = None
    premium_count: int | None = None
    funding_rate_ppb: int | None = None
    funding_carry: int | None = None
    next_funding_ms: int | None = None
    first_index_ms: int | None = None  # of the batch; a market's very first begins its funding
    funding_since_ms: int | None = None
    funding_is_split: bool | None = None
    funding_accrued_ppb: int | None = None
    breaker_armed: bool | None = None
    insurance_delta_units: int = 0


class Delta:
    """What a batch adds to a wallet."""

    __slots__ = ("available_units", "held_units")

    def __init__(self) -> None:
        self.available_units = 0
        self.held_units = 0


@dataclass(slots=True)
class Batch:
    """Everything some consecutive entries of one market change."""

    market_id: str
    units_per_tick_lot: int
    orders: dict[int, ProjectedOrder]
    fills: list[FillRow] = field(default_factory=list)
    trade_figures: list[TradeFigures] = field(default_factory=list)
    prices: list[PriceFigures] = field(default_factory=list)
    journal: list[JournalRow] = field(default_factory=list)
    wallets: dict[int, Delta] = field(default_factory=dict)
    positions: dict[int, ProjectedPosition] = field(default_factory=dict)
    status: StatusChange | None = None
    applied_commands: dict[int, int] = field(default_factory=dict)
    malformed: list[OutputEntry] = field(default_factory=list)
    perps: PerpetualChanges = field(default_factory=PerpetualChanges)
    lives: Lives = field(default_factory=Lives)
    # Of the entry being projected:
    seq: int = 0
    time_ms: int = 0
    time_text: str = ""
    traded: set[int] = field(default_factory=set)
    moved: dict[int, PositionMove] = field(default_factory=dict)

    def begin_entry(self, entry: OutputEntry) -> None:
        self.seq = entry.seq
        self.time_ms = entry.time_ms
        try:
            self.time_text = (EPOCH + timedelta(milliseconds=entry.time_ms)).isoformat()
        except OverflowError:
            raise self.poison(f"time {entry.time_ms} ms is beyond the calendar") from None
        if entry.command_id:
            self.applied_commands.setdefault(entry.command_id, entry.seq)

    @property
    def moment(self) -> EntryMoment:
        return EntryMoment(self.seq, self.time_text)

    def end_entry(self) -> None:
        if self.traded:
            raise self.poison(f"positions of {sorted(self.traded)} moved, none was told changed")
        self.moved.clear()

    def poison(self, why: str) -> PoisonEntry:
        return PoisonEntry(self.market_id, self.seq, why)

    def order_of(self, order_id: int, account_id: int) -> ProjectedOrder:
        """The row an event speaks of, marked as changed."""
        row = self.orders.get(order_id)
        if row is None:
            raise self.poison(f"order {order_id} is not in the database")
        if row.user_id != account_id:
            raise self.poison(f"order {order_id} is of user {row.user_id}, not {account_id}")
        row.touched_ms = self.time_ms
        return row

    def position_of(self, account_id: int) -> ProjectedPosition:
        row = self.positions.get(account_id)
        if row is None:
            row = self.positions[account_id] = ProjectedPosition()
        return row

    def count_trade(self, trade: Trade) -> None:
        figures = figures_of_trade(self.time_ms, trade, self.units_per_tick_lot)
        self.trade_figures.append(figures)

    def market_status(self) -> StatusChange:
        if self.status is None:
            self.status = StatusChange()
        return self.status

    def _check_nothing_taken(self, movement: Movement, event: Event) -> None:
        """Of what each has available, all lines of the movement together."""
        gained: Counter[Owner] = Counter()
        for kind, owner, amount_units, _ in movement.lines:
            if kind is AccountKind.AVAILABLE:
                gained[owner] += amount_units
        for owner, amount_units in gained.items():
            if amount_units < 0:
                raise self.poison(
                    f"{type(event).__name__} would take {-amount_units} from what user {owner} has"
                    " available, which no event may"
                )

    def post(self, event: Event) -> None:
        """Put what the event moves into the journal and into the wallets.

        No event of an engine takes from what a trader has available: what an order or a position
        gets from there leaves with the command, or with the hold of an order that fired. One that
        would is poison.
        """
        for movement in POSTING_RULES[type(event)](self.market_id, event):
            self._check_nothing_taken(movement, event)
            total = 0
            for kind, owner, amount_units, _ in movement.lines:
                total += amount_units
                if kind is AccountKind.AVAILABLE:
                    self._wallet(owner).available_units += amount_units
                elif kind is AccountKind.HELD:
                    self._wallet(owner).held_units += amount_units
                elif kind is AccountKind.MARGIN:
                    self._wallet(owner)
                elif kind is AccountKind.INSURANCE:
                    self.market_status().insurance_delta_units += amount_units
            if total:
                raise self.poison(f"postings of {movement.kind} sum to {total} instead of zero")
            self.journal.append(JournalRow(movement, self.seq, self.time_text))

    def _wallet(self, owner: Owner) -> Delta:
        assert isinstance(owner, int)  # noqa: S101  the posting rules name a user here
        return self.wallet_of(owner)

    def wallet_of(self, user_id: int) -> Delta:
        delta = self.wallets.get(user_id)
        if delta is None:
            delta = self.wallets[user_id] = Delta()
        return delta
