"""An order as a client of the venue asks for it, in our words. Nothing is judged here but what our
words have no room for; the rest is the services' to refuse.
"""

import secrets
from decimal import Decimal

from common.decimals import text
from common.errors import DomainError, ErrorCode
from gateway.asking.params import Params
from gateway.words import errors
from gateway.words.errors import GatewayRefusal, VenueError, malformed, missing
from gateway.words.symbols import market_of
from gateway.words.vocabulary import (
    CONDITIONAL_TYPES,
    DEFAULT_WORKING_TYPE,
    ORDER_TYPES,
    PLAIN_TYPES,
    SELF_TRADE_MODES,
    SIDES,
    TIMES_IN_FORCE,
    WORKING_TYPES,
)
from markets.conversions import at_ms, lots_to_decimal, units_text
from markets.rules import MarketRules
from matching.messages.vocabulary import OrderType, PriceMatch, Side, TimeInForce, TriggerKind
from trading.orders.request import NewOrder, NewTrigger

BATCH_MAX = 5  # placed or amended
RESPONSE_TYPES = ("ACK", "RESULT")
_PERCENT_DIGITS = 2


def new_order(params: Params, *, is_algo: bool = False) -> NewOrder:
    """``is_algo``: by the call for conditional orders, whose fields have names of their own. Raises
    GatewayRefusal or DomainError."""
    rules = market_of(params.required("symbol"))
    side = SIDES[params.word("side", list(SIDES))]
    if params.word("positionSide", ("BOTH", "LONG", "SHORT"), "BOTH") != "BOTH":
        raise GatewayRefusal(errors.POSITION_SIDE)
    known = list(CONDITIONAL_TYPES) if is_algo else ORDER_TYPES
    kind = params.word("type", known)
    order_type, trigger = PLAIN_TYPES.get(kind), None
    if order_type is None:
        trigger_kind, order_type = CONDITIONAL_TYPES[kind]
        trigger = _trigger(params, trigger_kind, is_algo=is_algo)
    time_in_force, expires_ms = _lifetime(params, order_type, is_conditional=trigger is not None)
    return NewOrder(
        market_id=rules.id,
        side=side,
        order_type=order_type,
        qty=params.decimal("quantity"),
        price=params.decimal("price") if order_type is OrderType.LIMIT else None,
        price_match=_price_match(params),
        time_in_force=time_in_force,
        reduce_only=params.flag("reduceOnly"),
        close_position=params.flag("closePosition"),
        expires_at=at_ms(expires_ms).isoformat() if expires_ms else None,
        trigger=trigger,
        client_order_id=params.client_id("clientAlgoId" if is_algo else "newClientOrderId")
        or secrets.token_urlsafe(16),
        self_trade_prevention=SELF_TRADE_MODES[
            params.word("selfTradePreventionMode", list(SELF_TRADE_MODES), "NONE")
        ],
    )


# Of the venue's words those that our engine doesn't know.
_DEEPER_MATCHES = ("OPPONENT_10", "OPPONENT_20", "QUEUE_10", "QUEUE_20")


def _price_match(params: Params) -> PriceMatch | None:
    word = params.word("priceMatch", ("NONE", *PriceMatch, *_DEEPER_MATCHES), "NONE")
    if word in _DEEPER_MATCHES:
        raise malformed("priceMatch", "Name the best price or the fifth.")
    return None if word == "NONE" else PriceMatch(word)


def _lifetime(
    params: Params, order_type: OrderType, *, is_conditional: bool
) -> tuple[TimeInForce | None, int]:
    """And when it ends, in Unix ms, where that is named. A limit order names how long it lives; a
    market order needn't, and what clients send there means nothing."""
    default = "GTC" if is_conditional or order_type is OrderType.MARKET else ""
    word = params.word("timeInForce", TIMES_IN_FORCE, default)
    if word == "GTD":
        until_ms = params.time_ms("goodTillDate")
        if until_ms is None:
            raise missing("goodTillDate")
        return (TimeInForce.GTC if order_type is OrderType.LIMIT else None), until_ms
    if order_type is OrderType.MARKET and word == TimeInForce.GTC:
        return None, 0
    return TimeInForce(word), 0


def _trigger(params: Params, kind: TriggerKind, *, is_algo: bool) -> NewTrigger:
    by = WORKING_TYPES[params.word("workingType", list(WORKING_TYPES), DEFAULT_WORKING_TYPE)]
    if kind is not TriggerKind.TRAILING_STOP:
        name = "triggerPrice" if is_algo else "stopPrice"
        price = params.decimal(name)
        if price is None:
            raise missing(name)
        return NewTrigger(type=kind, by=by, price=price)
    rate = params.decimal("callbackRate")
    if rate is None:
        raise missing("callbackRate")
    price = params.decimal("activatePrice") or params.decimal("activationPrice")
    callback = text(Decimal(rate).scaleb(-_PERCENT_DIGITS))
    return NewTrigger(type=kind, by=by, price=price, callback=callback)


def waits_for_result(params: Params) -> bool:
    return params.word("newOrderRespType", RESPONSE_TYPES, "ACK") == "RESULT"


def refusal_of(error: DomainError, new: NewOrder, rules: MarketRules) -> VenueError:
    """Of an order that a service refused: the venue has more words for some of our codes."""
    found = errors.of_refusal(error)
    if error.code is ErrorCode.PRICE_OUTSIDE_BAND and new.side is Side.SHORT:
        return found._replace(code=-4024)
    if error.code is ErrorCode.MIN_NOTIONAL:
        least = units_text(rules.min_notional_units)
        text = f"Order's notional must be no smaller than {least} (unless you choose reduce only)."
        return found._replace(msg=text)
    if error.code is ErrorCode.INVALID_PRICE and error.field == "price":
        return _price_refusal(found, new)
    if error.code is ErrorCode.INVALID_SIZE and new.qty is not None:
        return _size_refusal(found, new, rules)
    return found


def _price_refusal(found: VenueError, new: NewOrder) -> VenueError:
    if new.price is not None and Decimal(new.price) <= 0:
        return found._replace(code=-4001, msg="Price less than 0.")
    return found


def _size_refusal(found: VenueError, new: NewOrder, rules: MarketRules) -> VenueError:
    qty = Decimal(new.qty)
    if qty <= 0:
        return found._replace(code=-4003, msg="Quantity less than zero.")
    if qty > lots_to_decimal(rules.max_size_lots, rules.lot_size):
        return found._replace(code=-4005, msg="Quantity greater than max quantity.")
    if qty < lots_to_decimal(rules.min_size_lots, rules.lot_size):
        return found._replace(code=-4004, msg="Quantity less than min quantity.")
    return found
