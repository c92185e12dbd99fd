"""Kinds, sides, lifetimes and states of orders: ours and the venue's."""

from collections.abc import Mapping

from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)

SIDES: Mapping[str, Side] = {"BUY": Side.LONG, "SELL": Side.SHORT}
SIDE_WORDS: Mapping[str, str] = {side: word for word, side in SIDES.items()}

PLAIN_TYPES: Mapping[str, OrderType] = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}
# What waits for which trigger, and what it is once that has fired.
CONDITIONAL_TYPES: Mapping[str, tuple[TriggerKind, OrderType]] = {
    "STOP": (TriggerKind.STOP, OrderType.LIMIT),
    "STOP_MARKET": (TriggerKind.STOP, OrderType.MARKET),
    "TAKE_PROFIT": (TriggerKind.TAKE_PROFIT, OrderType.LIMIT),
    "TAKE_PROFIT_MARKET": (TriggerKind.TAKE_PROFIT, OrderType.MARKET),
    "TRAILING_STOP_MARKET": (TriggerKind.TRAILING_STOP, OrderType.MARKET),
}
_CONDITIONAL_WORDS = {pair: word for word, pair in CONDITIONAL_TYPES.items()}
ORDER_TYPES = (*PLAIN_TYPES, *CONDITIONAL_TYPES)

TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")

WORKING_TYPES: Mapping[str, TriggerBy] = {
    "MARK_PRICE": TriggerBy.MARK,
    "CONTRACT_PRICE": TriggerBy.LAST,
}
WORKING_TYPE_WORDS: Mapping[str, str] = {by: word for word, by in WORKING_TYPES.items()}
DEFAULT_WORKING_TYPE = "CONTRACT_PRICE"

# NONE on the venue is its default; ours always has one.
SELF_TRADE_MODES: Mapping[str, SelfTradePrevention] = {
    "NONE": SelfTradePrevention.EXPIRE_MAKER,
    "EXPIRE_MAKER": SelfTradePrevention.EXPIRE_MAKER,
    "EXPIRE_TAKER": SelfTradePrevention.EXPIRE_TAKER,
    "EXPIRE_BOTH": SelfTradePrevention.EXPIRE_BOTH,
}

_STATUS_WORDS: Mapping[OrderStatus, str] = {
    OrderStatus.PENDING: "NEW",
    OrderStatus.ASLEEP: "NEW",
    OrderStatus.WAITING: "NEW",
    OrderStatus.OPEN: "NEW",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.EXPIRED: "EXPIRED",
}

MARKET_STATE_WORDS: Mapping[MarketState, str] = {
    MarketState.PRE_OPEN: "PENDING_TRADING",
    MarketState.ACTIVE: "TRADING",
    MarketState.POST_ONLY: "TRADING",
    MarketState.REDUCE_ONLY: "TRADING",
    MarketState.CANCEL_ONLY: "PRE_SETTLE",
    MarketState.HALTED: "PRE_SETTLE",
    MarketState.SETTLED: "CLOSE",
    MarketState.DELISTED: "CLOSE",
}


def type_word(order_type: str, trigger_kind: str | None) -> str:
    """As its sender named it."""
    if trigger_kind is None:
        return "LIMIT" if order_type == OrderType.LIMIT else "MARKET"
    kind = TriggerKind(trigger_kind)
    # A trailing stop with a limit has no name there; it is told as what is nearest.
    return _CONDITIONAL_WORDS.get((kind, OrderType(order_type)), "TRAILING_STOP_MARKET")


def time_in_force_word(time_in_force: str, expires_ms: int, order_type: str) -> str:
    """A market order is immediate by nature, which the venue calls GTC."""
    if order_type == OrderType.MARKET:
        return "GTC"
    if expires_ms and time_in_force == TimeInForce.GTC:
        return "GTD"
    return time_in_force


def status_word(status: str, filled_lots: int, reason: str) -> str:
    """A partly filled order that is open, and one that went to prevent a self-trade, have words of
    their own."""
    if status == OrderStatus.OPEN and filled_lots:
        return "PARTIALLY_FILLED"
    if status == OrderStatus.CANCELLED and reason == CancelReason.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return _STATUS_WORDS[OrderStatus(status)]
