"""What a simulated trader sees and what it may do: plain values, no I/O."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


@dataclass(frozen=True)
class MarketView:
    """A market as the public API shows it. Prices are zero where there is none.

    ``tiers`` are (position value from which on, largest leverage), the first from 0 on; where
    there are none ``max_leverage`` holds throughout.
    """

    market_id: str
    tick_size: Decimal
    lot_size: Decimal
    min_size: Decimal
    min_notional: Decimal
    max_leverage: int
    index_price: Decimal
    best_bid: Decimal
    best_ask: Decimal
    is_active: bool
    tiers: tuple[tuple[Decimal, int], ...] = ()

    @property
    def is_tradable(self) -> bool:
        return self.is_active and self.index_price > 0

    def leverage_for(self, notional: Decimal) -> int:
        """The most that a position worth this may have."""
        allowed = [leverage for floor, leverage in self.tiers if floor <= notional]
        return min([self.max_leverage, *allowed])


@dataclass(frozen=True)
class OpenOrder:
    order_id: int
    side: str
    price: Decimal


@dataclass(frozen=True)
class Holding:
    """A position: size above zero for a long, below for a short, and its isolated margin."""

    size: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)


@dataclass(frozen=True)
class Trigger:
    """``price`` of a trailing stop is none: it is active at once."""

    kind: str
    by: str
    price: Decimal | None = None
    callback: Decimal | None = None


@dataclass(frozen=True)
class Place:
    """Body of POST /order, save for the client order id. ``qty`` is none where the order closes
    whatever there is when it fires."""

    market_id: str
    side: str
    qty: Decimal | None
    order_type: str
    time_in_force: str
    price: Decimal | None = None
    leverage: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    trigger: Trigger | None = None
    expires_in_s: int | None = None


@dataclass(frozen=True)
class PlaceMany:
    orders: tuple[Place, ...]


@dataclass(frozen=True)
class Amend:
    order_id: int
    price: Decimal


@dataclass(frozen=True)
class Cancel:
    order_id: int


@dataclass(frozen=True)
class CancelMany:
    order_ids: tuple[int, ...]


@dataclass(frozen=True)
class AdjustMargin:
    """Above zero adds, below takes out."""

    market_id: str
    amount: Decimal


@dataclass(frozen=True)
class SetLeverage:
    market_id: str
    leverage: int


@dataclass(frozen=True)
class SetCountdown:
    market_id: str
    countdown_ms: int


Action = Place | PlaceMany | Amend | Cancel | CancelMany | AdjustMargin | SetLeverage | SetCountdown


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


def in_batches(actions: list[Action]) -> list[Action]:
    """Several orders, or several cancels, become one call; the rest stays as it is."""
    places = tuple(action for action in actions if isinstance(action, Place))
    cancels = tuple(action.order_id for action in actions if isinstance(action, Cancel))
    packed: list[Action] = [a for a in actions if not isinstance(a, Place | Cancel)]
    if cancels:
        packed.append(CancelMany(cancels) if len(cancels) > 1 else Cancel(cancels[0]))
    if places:
        packed.append(PlaceMany(places) if len(places) > 1 else places[0])
    return packed
