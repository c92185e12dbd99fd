"""How a trader trades: leverage can be set; what positions are like here can't."""

from typing import Any

from common.errors import DomainError, ErrorCode
from gateway.http.account import max_notional
from gateway.http.calls import VenueAsk
from gateway.http.settled import wait_until_settled
from gateway.words import errors
from gateway.words.errors import GatewayRefusal, missing
from gateway.words.symbols import market_of
from markets.rules import market_ticker
from trading import services

SUCCESS = {"code": 200, "msg": "success"}
_ADD, _REDUCE = 1, 2


def set_leverage(asked: VenueAsk) -> dict[str, Any]:
    symbol = asked.params.required("symbol").upper()
    rules = market_of(symbol)
    if not asked.params.given("leverage"):
        raise missing("leverage")
    named = asked.params.text("leverage")
    row = services.set_leverage(asked.user_id, rules.id, named)
    mark_ticks = market_ticker(rules.id).mark_price_ticks
    return {
        "leverage": row.leverage,
        "maxNotionalValue": max_notional(rules, row.leverage, mark_ticks),
        "symbol": symbol,
    }


def set_margin_type(asked: VenueAsk) -> dict[str, Any]:
    """It is isolated, in every market."""
    market_of(asked.params.required("symbol"))
    kind = asked.params.word("marginType", ("ISOLATED", "CROSSED"))
    refused = errors.SAME_MARGIN_TYPE if kind == "ISOLATED" else errors.NO_CROSS_MARGIN
    raise GatewayRefusal(refused)


def position_mode(_: VenueAsk) -> dict[str, Any]:
    return {"dualSidePosition": False}


def set_position_mode(asked: VenueAsk) -> dict[str, Any]:
    if not asked.params.given("dualSidePosition"):
        raise missing("dualSidePosition")
    wants_two = asked.params.flag("dualSidePosition")
    raise GatewayRefusal(errors.NO_HEDGE_MODE if wants_two else errors.SAME_SIDE_MODE)


def assets_mode(_: VenueAsk) -> dict[str, Any]:
    return {"multiAssetsMargin": False}


def set_assets_mode(asked: VenueAsk) -> dict[str, Any]:
    if not asked.params.given("multiAssetsMargin"):
        raise missing("multiAssetsMargin")
    wants_many = asked.params.flag("multiAssetsMargin")
    raise GatewayRefusal(errors.NO_ASSETS_MODE if wants_many else errors.SAME_ASSETS_MODE)


def change_margin(asked: VenueAsk) -> dict[str, Any]:
    """Answered once the ledger has it, so that the position read next shows it."""
    params = asked.params
    rules = market_of(params.required("symbol"))
    amount = params.decimal("amount")
    if amount is None:
        raise missing("amount")
    way = params.whole("type", 0, 0, 9)
    if way not in (_ADD, _REDUCE):
        raise missing("type")
    if amount.startswith("-"):
        raise errors.malformed("amount", "It must be above zero.")
    signed = amount if way == _ADD else f"-{amount.lstrip('+')}"
    try:
        services.adjust_margin(asked.user_id, rules.id, signed)
    except DomainError as error:
        if error.code is ErrorCode.NO_POSITION:
            raise GatewayRefusal(errors.NO_POSITION) from error
        raise
    wait_until_settled(asked.user_id)
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": way,
    }
