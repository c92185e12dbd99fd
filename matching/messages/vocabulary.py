"""The closed sets of words that messages, rows and the HTTP API share."""

from enum import StrEnum


class Side(StrEnum):
    """Direction of an order. LONG buys, SHORT sells."""

    LONG = "LONG"
    SHORT = "SHORT"


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    """How long an order lives.

    GTC rests until filled, cancelled, or past its expiry if it has one (GTD); IOC fills what it
    can at once and drops the rest; FOK fills whole at once or not at all; GTX ("post-only") rests
    or is dropped, never takes.
    """

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"

    @property
    def may_rest(self) -> bool:
        return self in (TimeInForce.GTC, TimeInForce.GTX)


class PriceMatch(StrEnum):
    """Where in the book a limit order takes its price from, when it comes there: the best price of
    its own side (QUEUE) or of the other (OPPONENT), or the fifth."""

    QUEUE = "QUEUE"
    QUEUE_5 = "QUEUE_5"
    OPPONENT = "OPPONENT"
    OPPONENT_5 = "OPPONENT_5"

    @property
    def is_own_side(self) -> bool:
        return self in (PriceMatch.QUEUE, PriceMatch.QUEUE_5)

    @property
    def level(self) -> int:
        """Which price from the best, which is 1."""
        return 5 if self in (PriceMatch.QUEUE_5, PriceMatch.OPPONENT_5) else 1


class SelfTradePrevention(StrEnum):
    """Which order goes when a taker meets a resting order of the same account."""

    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class MarketState(StrEnum):
    """What a market accepts. Cancels are accepted in every state until it has ended.

    PRE_OPEN      nothing yet; the state a market is born in
    ACTIVE        every order
    POST_ONLY     only orders that rest
    REDUCE_ONLY   only reduce-only orders
    CANCEL_ONLY   only conditional orders, and none fires
    HALTED        no orders, and prices are ignored
    SETTLED       ended: no orders, no positions, and no way back
    DELISTED      ended, and no longer listed to traders; their history stays
    """

    PRE_OPEN = "PRE_OPEN"
    ACTIVE = "ACTIVE"
    POST_ONLY = "POST_ONLY"
    REDUCE_ONLY = "REDUCE_ONLY"
    CANCEL_ONLY = "CANCEL_ONLY"
    HALTED = "HALTED"
    SETTLED = "SETTLED"
    DELISTED = "DELISTED"

    @property
    def has_ended(self) -> bool:
        return self in (MarketState.SETTLED, MarketState.DELISTED)

    @property
    def is_dormant(self) -> bool:
        """Nothing is judged by its prices, and it takes no order of any kind."""
        return self.has_ended or self in (MarketState.PRE_OPEN, MarketState.HALTED)


class TriggerKind(StrEnum):
    """What a conditional order waits for, seen from the reference price.

    STOP fires against the position it protects: a buy when the price rises to the trigger, a sell
    when it falls to it. TAKE_PROFIT is the reverse. TRAILING_STOP follows the best price since its
    activation and fires when the price has come back by its callback.
    """

    STOP = "STOP"
    TAKE_PROFIT = "TAKE_PROFIT"
    TRAILING_STOP = "TRAILING_STOP"


class TriggerBy(StrEnum):
    """The reference price of a trigger."""

    MARK = "MARK"
    LAST = "LAST"


class ExecutionType(StrEnum):
    """What made a fill or a payment happen."""

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    SETTLE = "SETTLE"


class StateReason(StrEnum):
    """Who or what changed a market's state."""

    OPERATOR = "OPERATOR"
    CIRCUIT_BREAKER = "CIRCUIT_BREAKER"
    INSURANCE_EXHAUSTED = "INSURANCE_EXHAUSTED"


class Role(StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class OrderStatus(StrEnum):
    """Where an order is in its life. A partly filled order is OPEN; its filled size tells."""

    PENDING = "pending"  # accepted by the API, not yet seen by the engine
    ASLEEP = "asleep"  # attached to an entry of which nothing is filled yet
    WAITING = "waiting"  # a conditional order whose condition has not come true
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"  # ended by its own terms: IOC rest, FOK, post-only that would take


class RejectCode(StrEnum):
    """Why the engine refused a command. Closed: a new reason is a new member."""

    MARKET_NOT_CONFIGURED = "MARKET_NOT_CONFIGURED"
    MARKET_STATE = "MARKET_STATE"
    NO_MARK_PRICE = "NO_MARK_PRICE"
    INVALID_SIZE = "INVALID_SIZE"
    INVALID_LEVERAGE = "INVALID_LEVERAGE"
    INVALID_TIME_IN_FORCE = "INVALID_TIME_IN_FORCE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    PRICE_OUTSIDE_BAND = "PRICE_OUTSIDE_BAND"
    NO_PRICE_TO_MATCH = "NO_PRICE_TO_MATCH"
    INSUFFICIENT_MARGIN = "INSUFFICIENT_MARGIN"
    INSUFFICIENT_HOLD = "INSUFFICIENT_HOLD"
    REDUCE_ONLY_NO_POSITION = "REDUCE_ONLY_NO_POSITION"
    MAX_OPEN_ORDERS = "MAX_OPEN_ORDERS"
    MAX_OPEN_INTEREST = "MAX_OPEN_INTEREST"
    MAX_POSITION = "MAX_POSITION"
    MARKET_FULL = "MARKET_FULL"
    INVALID_TRIGGER = "INVALID_TRIGGER"
    TRIGGER_ALREADY_TRUE = "TRIGGER_ALREADY_TRUE"
    ALREADY_TRIGGERED = "ALREADY_TRIGGERED"
    ALREADY_ACTIVE = "ALREADY_ACTIVE"
    PARENT_ENDED = "PARENT_ENDED"
    INVALID_PAIR = "INVALID_PAIR"
    OTHER_ENDED = "OTHER_ENDED"
    INVALID_EXPIRY = "INVALID_EXPIRY"
    NOTHING_TO_AMEND = "NOTHING_TO_AMEND"
    NO_POSITION = "NO_POSITION"
    INDEX_STALE = "INDEX_STALE"
    TOO_OLD = "TOO_OLD"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    NOT_ORDER_OWNER = "NOT_ORDER_OWNER"
    STALE_CONFIG = "STALE_CONFIG"
    INVALID_CONFIG = "INVALID_CONFIG"
    INVALID_TRANSITION = "INVALID_TRANSITION"
    INSURANCE_EXHAUSTED = "INSURANCE_EXHAUSTED"
    MALFORMED = "MALFORMED"


class CancelReason(StrEnum):
    """Why lots left the book without a fill."""

    USER = "USER"
    OPERATOR = "OPERATOR"
    IOC_REMAINDER = "IOC_REMAINDER"
    FOK_UNFILLED = "FOK_UNFILLED"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
    SELF_TRADE = "SELF_TRADE"
    PRICE_BAND = "PRICE_BAND"
    REDUCE_ONLY = "REDUCE_ONLY"
    UNAFFORDABLE = "UNAFFORDABLE"
    LIQUIDATION = "LIQUIDATION"
    EXPIRED = "EXPIRED"
    COUNTDOWN = "COUNTDOWN"
    SETTLEMENT = "SETTLEMENT"
    POSITION_CLOSED = "POSITION_CLOSED"
    PARENT_ENDED = "PARENT_ENDED"
    OTHER_FIRED = "OTHER_FIRED"
    OTHER_FILLED = "OTHER_FILLED"
    OTHER_ENDED = "OTHER_ENDED"

    @property
    def final_status(self) -> OrderStatus:
        """The status of an order whose last lots left for this reason."""
        return OrderStatus.EXPIRED if self in _BY_ITS_OWN_TERMS else OrderStatus.CANCELLED


_BY_ITS_OWN_TERMS = frozenset(
    {
        CancelReason.IOC_REMAINDER,
        CancelReason.FOK_UNFILLED,
        CancelReason.POST_ONLY_WOULD_TAKE,
        CancelReason.EXPIRED,
    }
)
