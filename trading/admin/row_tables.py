"""Tables of trading's rows, as they appear under orders, positions, users and markets."""

from collections.abc import Collection, Iterable, Iterator

from django.db.models import QuerySet

from accounts.display import user_link
from common.admin import NOTHING, when
from common.admin.base import TABLE_ROWS_MAX, Cell, Table, badge, link, list_link, words
from ledger.archive.rows import Row
from markets.display import gain_or_loss, money, price, size
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import (
    ExecutionType,
    MarketState,
    OrderStatus,
    OrderType,
    Role,
    Side,
    StateReason,
)
from trading.algos.models import Algo
from trading.archive.picking import of_trades
from trading.archive.shown import fills_shown
from trading.models import LIVE_STATUSES, Fill, Order, Position
from trading.trades import fills_of_trades

LIVE = LIVE_STATUSES

_STATUS_TONES = {
    OrderStatus.PENDING: "warn",
    OrderStatus.ASLEEP: "warn",
    OrderStatus.WAITING: "warn",
    OrderStatus.OPEN: "ok",
    OrderStatus.REJECTED: "bad",
}
_STATE_TONES = {
    MarketState.ACTIVE: "ok",
    MarketState.HALTED: "bad",
    MarketState.SETTLED: "plain",
    MarketState.DELISTED: "plain",
}


def margin_words(row: Order | Algo) -> Cell:
    """Of an order or algo as it was asked for."""
    if row.reduce_only:
        return "none: reduce-only"
    return money(row.margin_units) if row.margin_units else f"{row.leverage}× leverage"


def status_badge(status: str) -> Cell:
    return badge(status, _STATUS_TONES.get(OrderStatus(status), "plain"))


def state_badge(status: MarketStatus) -> Cell:
    state = badge(status.state, _STATE_TONES.get(MarketState(status.state), "warn"))
    if status.state_reason == StateReason.OPERATOR:
        return state
    return words(state, f"by {StateReason(status.state_reason).replace('_', ' ').lower()}")


def side_badge(side: str) -> Cell:
    return badge(side, "long" if side == Side.LONG else "short")


def position_size(position: Position) -> Cell:
    return lots_and_way(position.position_lots, position.market)


def lots_and_way(position_lots: int, market: Market) -> Cell:
    """How much and which way; the sign of lots is said in a word."""
    if not position_lots:
        return "flat"
    way = Side.LONG if position_lots > 0 else Side.SHORT
    return words(side_badge(way), size(abs(position_lots), market))


def execution_badge(execution: str) -> Cell:
    """An ordinary trade stands back; what was forced stands out."""
    return badge(execution, "plain" if execution == ExecutionType.TRADE else "bad")


def order_price(order: Order) -> str:
    """A limit; of a market order the edge of the band that its hold was made for."""
    if not order.shown_price_ticks:
        return "market price"
    text = price(order.price_ticks, order.market)
    return f"worst price {text}" if order.order_type == OrderType.MARKET else text


def order_part(order: Order, size_lots: int) -> str:
    """So many of its lots; a close-position order knows its size only when it fires."""
    return "the whole position" if order.is_of_whole_position else size(size_lots, order.market)


def orders_table(title: str, orders: QuerySet[Order], more: str) -> Table:
    # Joined, each row would bring all columns of the same few markets again.
    rows = orders.prefetch_related("market")[:TABLE_ROWS_MAX]
    return Table(
        title,
        Order,
        ("order", "market", "side", "type", "price", "size", "filled", "held", "status", "placed"),
        [_order_cells(order) for order in rows],
        empty="No orders.",
        note=list_link(Order, more, "All of them"),
    )


def _order_cells(order: Order) -> Iterable[Cell]:
    return (
        link(Order, order.pk),
        link(Market, order.market_id),
        side_badge(order.side),
        f"{order.order_type} {order.time_in_force}",
        order_price(order),
        order_part(order, order.size_lots),
        size(order.filled_lots, order.market),
        money(order.held_units),
        status_badge(order.status),
        when(order.created_at),
    )


def fills_table(
    title: str, fills: QuerySet[Fill], of_files: Iterator[Collection[Row]], more: str
) -> Table:
    """With the other side of each trade: one query more per market, however many fills. Of files
    these are found, too."""
    with fills_shown(of_files):
        rows = list(fills.prefetch_related("market")[:TABLE_ROWS_MAX])
    others = counterparts(rows)
    return Table(
        title,
        Fill,
        (
            "fill",
            "trade",
            "side",
            "role",
            "execution",
            "price",
            "size",
            "fee",
            "realised PnL",
            "other side",
            "time",
        ),
        [_fill_cells(fill, others.get(other_key(fill))) for fill in rows],
        empty="No fills.",
        note=list_link(Fill, more, "All of them"),
    )


def _fill_cells(fill: Fill, other: Fill | None) -> Iterable[Cell]:
    other_side: Cell = NOTHING
    if other is not None:
        fill_link = link(Fill, other.pk, f"fill {other.pk}")
        other_side = words(fill_link, "of", *order_of(other), user_link(other.user))
    return (
        link(Fill, fill.pk),
        str(fill.trade_id),
        side_badge(fill.side),
        fill.role,
        execution_badge(fill.execution),
        price(fill.price_ticks, fill.market),
        size(fill.size_lots, fill.market),
        money(fill.fee_units),
        gain_or_loss(fill.realized_pnl_units),
        other_side,
        when(fill.executed_at),
    )


def order_of(fill: Fill) -> tuple[Cell, ...]:
    """The words from a fill to its trader; none where the position was closed by force."""
    if fill.order_id is None:
        return ()
    return link(Order, fill.order_id, f"order {fill.order_id}"), "of"


def counterparts(fills: list[Fill]) -> dict[tuple[str, int, str], Fill]:
    """The fills on the other side, under `other_key` of the fills given."""
    trades: dict[str, list[int]] = {}
    for fill in fills:
        trades.setdefault(fill.market_id, []).append(fill.trade_id)
    found: dict[tuple[str, int, str], Fill] = {}
    for market_id, trade_ids in trades.items():
        with fills_shown(of_trades(market_id, trade_ids)):
            both = list(fills_of_trades(market_id, trade_ids).select_related("user"))
        found |= {(fill.market_id, fill.trade_id, fill.role): fill for fill in both}
    return found


def other_key(fill: Fill) -> tuple[str, int, str]:
    role = Role.MAKER if fill.role == Role.TAKER else Role.TAKER
    return fill.market_id, fill.trade_id, role.value
