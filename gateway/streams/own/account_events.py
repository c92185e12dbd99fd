"""Events of an account, as the venue's clients read them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.orders.shown import (
    ShownOrder,
    algo_status,
    average_text,
    limit_text,
    percent_text,
    size_text,
)
from gateway.words.figures import price_text, qty_text
from gateway.words.symbols import asset
from gateway.words.vocabulary import SIDE_WORDS, WORKING_TYPE_WORDS, time_in_force_word
from markets.conversions import average_price_text, units_text
from markets.rules import MarketRules
from matching.messages.events import Trade, TradeLeg
from matching.messages.vocabulary import Role, Side


@dataclass(frozen=True, slots=True)
class OwnFill:
    """The account's side of a trade."""

    trade: Trade
    leg: TradeLeg
    role: Role
    side: Side


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """As an entry left it."""

    rules: MarketRules
    position_lots: int
    entry_cost_units: int
    margin_units: int
    mark_ticks: int = 0
    realized_units: int = 0


def order_event(
    order: ShownOrder, what: str, symbol: str, rules: MarketRules, fill: OwnFill | None = None
) -> dict[str, Any]:
    """``what``: NEW, TRADE, CANCELED, EXPIRED, AMENDMENT."""
    trailing = order.trigger_callback_ppm > 0
    stop = "0" if trailing else price_text(order.trigger_price_ticks, rules)
    shown: dict[str, Any] = {
        "s": symbol,
        "c": order.client_order_id,
        "S": SIDE_WORDS[order.side],
        "o": order.actual_kind,
        "f": time_in_force_word(order.time_in_force, order.expires_ms, order.order_type),
        "q": size_text(order, rules),
        "p": limit_text(order, rules),
        "ap": average_text(order, rules),
        "sp": stop,
        "x": what,
        "X": order.status_word,
        "i": order.order_id,
        "l": "0",
        "z": qty_text(order.filled_lots, rules),
        "L": "0",
        "N": asset(),
        "n": "0",
        "T": order.updated_ms,
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": order.reduce_only,
        "wt": WORKING_TYPE_WORDS[order.trigger_by or "LAST"],
        "ot": order.kind,
        "ps": "BOTH",
        "cp": order.close_position,
        "pP": False,
        "si": order.algo_id,
        "ss": 0,
        "rp": "0",
        "V": order.self_trade_prevention,
        "pm": order.price_match or "NONE",
        "gtd": order.expires_ms,
    }
    if trailing:
        shown["AP"] = price_text(order.trigger_price_ticks, rules)
        shown["cr"] = percent_text(order.trigger_callback_ppm)
    if fill is not None:
        shown |= _fill(fill, rules)
    return _event("ORDER_TRADE_UPDATE", order.updated_ms, {"o": shown})


def _fill(fill: OwnFill, rules: MarketRules) -> dict[str, Any]:
    return {
        "l": qty_text(fill.trade.size_lots, rules),
        "L": price_text(fill.trade.price_ticks, rules),
        "n": units_text(fill.leg.fee_units),
        "t": fill.trade.trade_id,
        "m": fill.role is Role.MAKER,
        "rp": units_text(fill.leg.realized_pnl_units),
    }


def forced_event(
    fill: OwnFill, named: str, time_ms: int, symbol: str, rules: MarketRules
) -> dict[str, Any]:
    """Of a fill that closed a position by force: no order of the account's took part."""
    size = qty_text(fill.trade.size_lots, rules)
    price = price_text(fill.trade.price_ticks, rules)
    order = {
        "s": symbol,
        "c": named,
        "S": SIDE_WORDS[fill.side],
        "o": "LIQUIDATION",
        "f": "IOC",
        "q": size,
        "p": price,
        "ap": price,
        "sp": "0",
        "x": "TRADE",
        "X": "FILLED",
        "i": fill.trade.trade_id,
        "z": size,
        "N": asset(),
        "T": time_ms,
        "b": "0",
        "a": "0",
        "R": True,
        "wt": "CONTRACT_PRICE",
        "ot": "LIQUIDATION",
        "ps": "BOTH",
        "cp": False,
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "NONE",
        "pm": "NONE",
        "gtd": 0,
    }
    return _event("ORDER_TRADE_UPDATE", time_ms, {"o": order | _fill(fill, rules)})


def algo_event(order: ShownOrder, symbol: str, rules: MarketRules) -> dict[str, Any]:
    fired = bool(order.triggered_ms)
    shown = {
        "caid": order.client_order_id,
        "aid": order.order_id,
        "at": "CONDITIONAL",
        "o": order.kind,
        "s": symbol,
        "S": SIDE_WORDS[order.side],
        "ps": "BOTH",
        "f": time_in_force_word(order.time_in_force, order.expires_ms, order.order_type),
        "q": size_text(order, rules),
        "X": algo_status(order),
        "ai": str(order.order_id) if fired else "",
        "ap": average_text(order, rules),
        "aq": qty_text(order.filled_lots, rules),
        "act": order.actual_kind if fired else "",
        "tp": price_text(order.trigger_price_ticks, rules),
        "p": limit_text(order, rules),
        "V": order.self_trade_prevention,
        "wt": WORKING_TYPE_WORDS[order.trigger_by or "LAST"],
        "pm": "NONE",
        "cp": order.close_position,
        "pP": False,
        "R": order.reduce_only,
        "tt": order.triggered_ms,
        "gtd": order.expires_ms,
        "rm": order.reason,
    }
    return _event("ALGO_UPDATE", order.updated_ms, {"o": shown})


def account_event(
    reason: str,
    time_ms: int,
    wallet_units: int,
    cross_units: int,
    change_units: int,
    positions: Iterable[tuple[str, HeldPosition]],
) -> dict[str, Any]:
    """``change_units``: of the balance, but for profit and fees."""
    money = {
        "a": asset(),
        "wb": units_text(wallet_units),
        "cw": units_text(cross_units),
        "bc": units_text(change_units),
    }
    shown = [_position(symbol, one) for symbol, one in positions]
    return _event("ACCOUNT_UPDATE", time_ms, {"a": {"m": reason, "B": [money], "P": shown}})


def _position(symbol: str, held: HeldPosition) -> dict[str, Any]:
    rules, lots = held.rules, held.position_lots
    entry = average_price_text(
        abs(held.entry_cost_units), abs(lots), rules.units_per_tick_lot, rules.tick_size
    )
    value = rules.units_per_tick_lot * held.mark_ticks * lots
    profit_units = value - held.entry_cost_units if held.mark_ticks and lots else 0
    return {
        "s": symbol,
        "pa": qty_text(lots, rules),
        "ep": entry,
        "bep": entry,
        "cr": units_text(held.realized_units),
        "up": units_text(profit_units),
        "mt": "isolated",
        "iw": units_text(held.margin_units),
        "ps": "BOTH",
        "ma": asset(),
    }


def leverage_event(symbol: str, leverage: int, time_ms: int) -> dict[str, Any]:
    return _event("ACCOUNT_CONFIG_UPDATE", time_ms, {"ac": {"s": symbol, "l": leverage}})


def margin_call_event(
    calls: Iterable[tuple[str, HeldPosition, int]], cross_units: int, time_ms: int
) -> dict[str, Any]:
    """With each position the maintenance margin it must have."""
    shown = []
    for symbol, held, maintenance_units in calls:
        told = _position(symbol, held)
        shown.append(
            {
                "s": symbol,
                "ps": "BOTH",
                "pa": told["pa"],
                "mt": "ISOLATED",
                "iw": told["iw"],
                "mp": price_text(held.mark_ticks, held.rules),
                "up": told["up"],
                "mm": units_text(maintenance_units),
            }
        )
    return {"e": "MARGIN_CALL", "E": time_ms, "cw": units_text(cross_units), "p": shown}


def expired_event(listen_key: str, time_ms: int) -> dict[str, Any]:
    return {"e": "listenKeyExpired", "E": time_ms, "listenKey": listen_key}


def _event(name: str, time_ms: int, rest: dict[str, Any]) -> dict[str, Any]:
    return {"e": name, "E": time_ms, "T": time_ms, **rest}
