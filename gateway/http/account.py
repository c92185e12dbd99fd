"""A trader's account: money, positions, and how they are set up.

A position's margin is its own, so all of an account's margin is locked: what is not available is in
orders or in positions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Sum

from gateway.asking.limits import rate_limits
from gateway.http.calls import VenueAsk
from gateway.http.data.market import markets_asked, now_ms
from gateway.orders.leverage import leverage_of
from gateway.words.figures import price_text, qty_text
from gateway.words.symbols import asset, listed_markets, market_of, symbol_of
from markets.conversions import average_price_text, to_ms, units_text
from markets.rules import MarketRules, market_tickers
from matching.messages.limits import PPM
from matching.messages.vocabulary import Side
from trading import selectors
from trading.models import LIVE_STATUSES, Order, Position
from trading.positions.equity import holdings_of_user
from trading.positions.figures import liquidation_price_ticks, position_figures

ALIAS_PREFIX = "Ac"


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """What orders that open would be worth at their limits, by side."""

    bid_units: int = 0
    ask_units: int = 0


NO_ORDERS = OpenOrders()


@dataclass(frozen=True, slots=True)
class Holding:
    """A trader in one market. ``position`` None: none was ever opened there."""

    rules: MarketRules
    mark_ticks: int
    leverage: int
    position: Position | None
    orders: OpenOrders

    @property
    def is_used(self) -> bool:
        """Whether there is a position or an open order."""
        held = self.position is not None and self.position.position_lots
        return bool(held) or self.orders != NO_ORDERS


def holdings(user_id: int, market_id: str | None = None) -> dict[str, Holding]:
    """By symbol, of all markets that are listed."""
    positions = {
        row.market_id: row for row in selectors.positions_of_user(user_id, market_id, flat_too=True)
    }
    leverages = selectors.leverages_set(user_id)
    orders = _open_orders(user_id)
    asked = {
        symbol: rules for symbol, rules in listed_markets().items() if market_id in (None, rules.id)
    }
    marks = _marks(asked.values())
    return {
        symbol: Holding(
            rules,
            marks[rules.id],
            leverage_of(rules, leverages),
            positions.get(rules.id),
            orders.get(rules.id, NO_ORDERS),
        )
        for symbol, rules in asked.items()
    }


def _marks(markets: Iterable[MarketRules]) -> dict[str, int]:
    tickers = market_tickers([rules.id for rules in markets])
    return {id: ticker.mark_price_ticks for id, ticker in tickers.items()}


def _open_orders(user_id: int) -> dict[str, OpenOrders]:
    live = Order.objects.filter(
        user_id=user_id, status__in=LIVE_STATUSES, reduce_only=False, trigger_kind__isnull=True
    ).order_by()
    tick_lots = F("price_ticks") * (F("size_lots") - F("filled_lots") - F("cancelled_lots"))
    sums: dict[str, dict[str, int]] = {}
    for row in live.values("market_id", "side").annotate(total=Sum(tick_lots)):
        sums.setdefault(row["market_id"], {})[row["side"]] = int(row["total"])
    found = {}
    for market_id, by_side in sums.items():
        scale = market_of(symbol_of(market_id)).units_per_tick_lot
        found[market_id] = OpenOrders(
            scale * by_side.get(Side.LONG, 0), scale * by_side.get(Side.SHORT, 0)
        )
    return found


# --- positions ------------------------------------------------------------------------------------


def position_risk(asked: VenueAsk) -> list[dict[str, Any]]:
    """Rows with a position or an open order."""
    used = {symbol: one for symbol, one in _asked_for(asked).items() if one.is_used}
    return [_risk(symbol, one) for symbol, one in used.items()]


def position_risk_all(asked: VenueAsk) -> list[dict[str, Any]]:
    """Of every market, or the one that is named."""
    return [_risk(symbol, one) for symbol, one in _asked_for(asked).items()]


def _asked_for(asked: VenueAsk) -> dict[str, Holding]:
    market_id = None
    if asked.params.given("symbol"):
        market_id = market_of(asked.params.text("symbol")).id
    return holdings(asked.user_id, market_id)


def _risk(symbol: str, holding: Holding) -> dict[str, Any]:
    rules, position = holding.rules, holding.position
    return {
        **_position_numbers(symbol, holding),
        "markPrice": price_text(holding.mark_ticks, rules),
        "unRealizedProfit": units_text(_profit_units(holding)),
        "liquidationPrice": price_text(
            0 if position is None else liquidation_price_ticks(position, rules), rules
        ),
        "marginAsset": asset(),
        "adl": 0,
        "leverage": str(holding.leverage),
        "marginType": "isolated",
        "isAutoAddMargin": "false",
        "maxNotionalValue": max_notional(rules, holding.leverage, holding.mark_ticks),
    }


def _position_numbers(symbol: str, holding: Holding) -> dict[str, Any]:
    """What is told of a position wherever one is."""
    rules, position = holding.rules, holding.position
    lots = cost = margin = value = initial = maintenance = updated_ms = 0
    if position is not None:
        lots, cost = position.position_lots, position.entry_cost_units
        margin, updated_ms = position.margin_units, to_ms(position.updated_at)
        figures = position_figures(position, rules, holding.mark_ticks, holding.leverage)
        if figures is not None:
            value, initial = figures.value_units, figures.initial_margin_units
            maintenance = rules.tiers.maintenance_units(abs(value))
    entry = average_price_text(abs(cost), abs(lots), rules.units_per_tick_lot, rules.tick_size)
    return {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": qty_text(lots, rules),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "isolatedMargin": units_text(margin + _profit_units(holding) if lots else 0),
        "isolatedWallet": units_text(margin),
        "notional": units_text(value),
        "initialMargin": units_text(initial),
        "maintMargin": units_text(maintenance),
        "positionInitialMargin": units_text(initial),
        "openOrderInitialMargin": "0",
        "bidNotional": units_text(holding.orders.bid_units),
        "askNotional": units_text(holding.orders.ask_units),
        "updateTime": updated_ms,
    }


def _profit_units(holding: Holding) -> int:
    if holding.position is None:
        return 0
    figures = position_figures(
        holding.position, holding.rules, holding.mark_ticks, holding.leverage
    )
    return 0 if figures is None else figures.unrealized_pnl_units


def max_notional(rules: MarketRules, leverage: int, mark_ticks: int) -> str:
    """Up to which a position may have this leverage, in whole money."""
    caps = _caps(rules, mark_ticks)
    return str(max((cap for cap, most in caps if most >= leverage), default=caps[0][0]))


def _caps(rules: MarketRules, mark_ticks: int) -> list[tuple[int, int]]:
    """Where each tier ends, in whole money, and what leverage it allows. The last ends where all
    that may be open would be worth it."""
    last = rules.units_per_tick_lot * rules.max_open_interest_lots * max(1, mark_ticks)
    tiers = rules.tiers.tiers
    ends = [tier.floor_units for tier in tiers[1:]] + [max(last, tiers[-1].floor_units + PPM)]
    return [(end // PPM, tier.max_leverage) for end, tier in zip(ends, tiers, strict=True)]


# --- money ----------------------------------------------------------------------------------------


def account(asked: VenueAsk) -> dict[str, Any]:
    """With every market."""
    return _account(asked, holdings(asked.user_id))


def account_used(asked: VenueAsk) -> dict[str, Any]:
    """With markets where there is a position or an open order."""
    used = {symbol: one for symbol, one in holdings(asked.user_id).items() if one.is_used}
    return _account(asked, used)


def _account(asked: VenueAsk, of_markets: Mapping[str, Holding]) -> dict[str, Any]:
    money = _money(asked.user_id, of_markets)
    totals = {
        f"total{name[0].upper()}{name[1:]}": money[name]
        for name in (
            "initialMargin",
            "maintMargin",
            "walletBalance",
            "unrealizedProfit",
            "marginBalance",
            "positionInitialMargin",
            "openOrderInitialMargin",
            "crossWalletBalance",
            "crossUnPnl",
        )
    }
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "feeBurn": False,
        "tradeGroupId": -1,
        "updateTime": now_ms(),
        "multiAssetsMargin": False,
        **totals,
        "availableBalance": money["availableBalance"],
        "maxWithdrawAmount": money["maxWithdrawAmount"],
        "assets": [money],
        "positions": [
            {
                **_position_numbers(symbol, one),
                "unrealizedProfit": units_text(_profit_units(one)),
                "leverage": str(one.leverage),
                "isolated": True,
                "maxNotional": max_notional(one.rules, one.leverage, one.mark_ticks),
            }
            for symbol, one in of_markets.items()
        ],
    }


def _money(user_id: int, of_markets: Mapping[str, Holding]) -> dict[str, Any]:
    """Of the settlement asset, the one there is."""
    marks = {one.rules.id: one.mark_ticks for one in of_markets.values()}
    equity = holdings_of_user(user_id).equity(marks)
    wallet_units = equity.available_units + equity.held_units + equity.margin_units
    maintenance_units = sum(
        one.rules.tiers.maintenance_units(abs(figures.value_units))
        for one in of_markets.values()
        if one.position is not None
        and (figures := position_figures(one.position, one.rules, one.mark_ticks, one.leverage))
    )
    available = units_text(equity.available_units)
    return {
        "asset": asset(),
        "walletBalance": units_text(wallet_units),
        "unrealizedProfit": units_text(equity.unrealized_pnl_units),
        "marginBalance": units_text(equity.equity_units),
        "maintMargin": units_text(maintenance_units),
        "initialMargin": units_text(equity.held_units + equity.margin_units),
        "positionInitialMargin": units_text(equity.margin_units),
        "openOrderInitialMargin": units_text(equity.held_units),
        "crossWalletBalance": units_text(equity.available_units + equity.held_units),
        "crossUnPnl": "0",
        "availableBalance": available,
        "maxWithdrawAmount": available,
        "marginAvailable": True,
        "updateTime": now_ms(),
    }


def balance(asked: VenueAsk) -> list[dict[str, Any]]:
    money = _money(asked.user_id, {})
    return [
        {
            "accountAlias": f"{ALIAS_PREFIX}{asked.user_id}",
            "asset": money["asset"],
            "balance": money["walletBalance"],
            "crossWalletBalance": money["crossWalletBalance"],
            "crossUnPnl": money["crossUnPnl"],
            "availableBalance": money["availableBalance"],
            "maxWithdrawAmount": money["maxWithdrawAmount"],
            "marginAvailable": True,
            "updateTime": money["updateTime"],
        }
    ]


# --- how it is set up -----------------------------------------------------------------------------


def leverage_brackets(asked: VenueAsk) -> list[dict[str, Any]]:
    markets = markets_asked(asked)
    marks = _marks(markets.values())
    return [
        {"symbol": symbol, "notionalCoef": 1, "brackets": _brackets(rules, marks[rules.id])}
        for symbol, rules in markets.items()
    ]


def _brackets(rules: MarketRules, mark_ticks: int) -> list[dict[str, Any]]:
    tiers = rules.tiers
    return [
        {
            "bracket": number,
            "initialLeverage": tier.max_leverage,
            "notionalCap": cap,
            "notionalFloor": tier.floor_units // PPM,
            "maintMarginRatio": tier.maintenance_ppm / PPM,
            "cum": amount_ppm / PPM / PPM,
        }
        for number, (tier, amount_ppm, (cap, _)) in enumerate(
            zip(tiers.tiers, tiers.amounts_ppm, _caps(rules, mark_ticks), strict=True), 1
        )
    ]


def symbol_config(asked: VenueAsk) -> list[dict[str, Any]]:
    leverages = selectors.leverages_set(asked.user_id)
    markets = markets_asked(asked)
    marks = _marks(markets.values())
    found = []
    for symbol, rules in markets.items():
        leverage = leverage_of(rules, leverages)
        found.append(
            {
                "symbol": symbol,
                "marginType": "ISOLATED",
                "isAutoAddMargin": False,
                "leverage": leverage,
                "maxNotionalValue": max_notional(rules, leverage, marks[rules.id]),
            }
        )
    return found


def account_config(_: VenueAsk) -> dict[str, Any]:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": False,
        "updateTime": now_ms(),
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def commission_rate(asked: VenueAsk) -> dict[str, Any]:
    """Of the trader's fee tier, or the market's own."""
    symbol = asked.params.required("symbol").upper()
    rules = market_of(symbol)
    standing = selectors.trader_standing(asked.user_id, rules)
    maker = units_text(standing.maker_fee_ppm)
    return {
        "symbol": symbol,
        "makerCommissionRate": maker,
        "takerCommissionRate": units_text(standing.taker_fee_ppm),
        "rpiCommissionRate": maker,
    }


def rate_limit_of_orders(_: VenueAsk) -> list[Mapping[str, object]]:
    return [one for one in rate_limits() if one["rateLimitType"] == "ORDERS"]
