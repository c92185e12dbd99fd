"""All that one trader stands to lose or owe: positions, live orders, wallet."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from common.errors import DomainError, ErrorCode
from console.risk.lines import MarketMark, PositionLine, lines_of, market_marks
from matching.messages.vocabulary import Side
from trading.models import LIVE_STATUSES, Order
from trading.positions.equity import Equity, holdings_of_user
from trading.positions.figures import value_units
from trading.selectors import leverages_set, positions_of_user

_FIELDS = (
    "market",
    "side",
    "order_type",
    "status",
    "price_match",
    "trigger_kind",
    "triggered_at",
    "reduce_only",
    "close_position",
    "price_ticks",
    "size_lots",
    "filled_lots",
    "cancelled_lots",
    "held_units",
)


@dataclass(slots=True)
class LiveOrders:
    """Of a trader in a market. What is left of an order is worth what its price makes it, or, where
    it has none, the mark; a long adds to ``long_units``, a short to ``short_units``, above zero
    both, whether it opens or reduces. Orders of the whole position have no size before they fire,
    and are only counted: ``of_whole_position``."""

    mark: MarketMark
    count: int = 0
    long_units: int = 0
    short_units: int = 0
    held_units: int = 0
    of_whole_position: int = 0

    def add(self, order: Order) -> None:
        self.count += 1
        self.held_units += order.held_units
        if order.is_of_whole_position:
            self.of_whole_position += 1
            return
        price_ticks = order.shown_price_ticks or self.mark.mark_ticks
        scale = self.mark.rules.units_per_tick_lot
        worth = value_units(order.remaining_lots, scale, price_ticks)
        if order.side == Side.LONG:
            self.long_units += worth
        else:
            self.short_units += worth


@dataclass(frozen=True, slots=True)
class Exposure:
    """``equity`` None: the user has no wallet. Sums are of the lines; a position without a mark
    adds its margin alone."""

    user: User
    lines: list[PositionLine]
    orders: list[LiveOrders]
    equity: Equity | None

    @property
    def net_units(self) -> int:
        """Longs less shorts, over all markets."""
        return sum(line.figures.value_units for line in self.lines if line.figures)

    @property
    def gross_units(self) -> int:
        return sum(abs(line.figures.value_units) for line in self.lines if line.figures)

    @property
    def unrealized_pnl_units(self) -> int:
        return sum(line.figures.unrealized_pnl_units for line in self.lines if line.figures)

    @property
    def margin_units(self) -> int:
        return sum(line.position.margin_units for line in self.lines)


def exposure_of(user: User, now: datetime) -> Exposure:
    marks = market_marks(now)
    positions = positions_of_user(user.pk).order_by("market_id")
    return Exposure(
        user=user,
        lines=lines_of(positions, marks, leverages_set(user.pk)),
        orders=_live_orders(user, marks),
        equity=equity_or_none(user.pk),
    )


def _live_orders(user: User, marks: dict[str, MarketMark]) -> list[LiveOrders]:
    """By market. They are few: each market limits how many a trader may have."""
    found: dict[str, LiveOrders] = {}
    orders = Order.objects.filter(user=user, status__in=LIVE_STATUSES).order_by().only(*_FIELDS)
    for order in orders:
        if order.market_id in marks:
            mark = marks[order.market_id]
            found.setdefault(order.market_id, LiveOrders(mark)).add(order)
    return [found[market_id] for market_id in sorted(found)]


def equity_or_none(user_id: int) -> Equity | None:
    """At the recorded marks, as the positions beside it. None: the user has no wallet, as operators
    have none."""
    try:
        return holdings_of_user(user_id).equity()
    except DomainError as error:
        if error.code is not ErrorCode.WALLET_NOT_FOUND:
            raise
        return None
