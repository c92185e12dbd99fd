"""What there is to trade and where it stands: rules, books, trades, the last 24 hours."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway.asking.limits import rate_limits
from gateway.http.calls import VenueAsk
from gateway.http.data.windows import window_asked
from gateway.words.errors import GatewayRefusal, VenueError
from gateway.words.figures import decimals_of, price_text, qty_text
from gateway.words.symbols import asset, listed_markets, market_of
from gateway.words.vocabulary import (
    MARKET_STATE_WORDS,
    ORDER_TYPES,
    TIMES_IN_FORCE,
)
from markets.conversions import (
    average_price_text,
    ratio_text,
    to_ms,
    units_text,
)
from markets.rules import MarketRules, live_ticker, live_tickers, market_tickers
from matching.messages.limits import MAX_PRICE_TICKS, PPM
from matching.messages.vocabulary import MarketState, Side
from trading import selectors
from trading.day_figures import DayFigures, day_figures
from trading.models import Fill, MarketVersion
from trading.trades import newest_trades, trades_of_market

# Of every perpetual there; another is taken for the day it ends.
NO_DELIVERY_MS = 4_133_404_800_000
DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)
DEPTH_LIMIT_DEFAULT = 500
TRADES_DEFAULT, TRADES_MAX = 500, 1_000
ASSET_PRECISION = 8
_DAY_MS = 86_400_000
_WORST_DEPTH = VenueError(400, -4021, "Invalid depth limit.")


def ping(_: VenueAsk) -> dict[str, Any]:
    return {}


def server_time(_: VenueAsk) -> dict[str, Any]:
    return {"serverTime": now_ms()}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- the rules ------------------------------------------------------------------------------------


def exchange_info(_: VenueAsk) -> dict[str, Any]:
    markets = listed_markets()
    ids = [rules.id for rules in markets.values()]
    tickers, listed_ms = market_tickers(ids), _listed_ms(ids)
    return {
        "timezone": "UTC",
        "serverTime": now_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": rate_limits(),
        "exchangeFilters": [],
        "assets": [{"asset": asset(), "marginAvailable": True, "autoAssetExchange": "0"}],
        "symbols": [
            _symbol(symbol, rules, tickers[rules.id].state, listed_ms[rules.id])
            for symbol, rules in markets.items()
        ],
    }


def _symbol(symbol: str, rules: MarketRules, state: MarketState, listed_ms: int) -> dict[str, Any]:
    tick, lot = price_text(1, rules), qty_text(1, rules)
    tier = rules.tiers.tiers[0]
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": NO_DELIVERY_MS,
        "onboardDate": listed_ms,
        "status": MARKET_STATE_WORDS[state],
        "maintMarginPercent": units_text(tier.maintenance_ppm * 100),
        "requiredMarginPercent": ratio_text(100, tier.max_leverage),
        "baseAsset": rules.base_asset,
        "quoteAsset": asset(),
        "marginAsset": asset(),
        "pricePrecision": decimals_of(rules.tick_size),
        "quantityPrecision": decimals_of(rules.lot_size),
        "baseAssetPrecision": ASSET_PRECISION,
        "quotePrecision": ASSET_PRECISION,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": units_text(rules.price_band_ppm),
        "liquidationFee": units_text(rules.liquidation_fee_ppm),
        "marketTakeBound": units_text(rules.max_slippage_ppm),
        "maxMoveOrderLimit": rules.max_open_orders,
        "filters": _filters(rules, tick, lot),
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIMES_IN_FORCE),
    }


_known_listed_ms: dict[str, int] = {}


def _listed_ms(market_ids: Collection[str]) -> Mapping[str, int]:
    """When the first rules of each were made, which doesn't change."""
    if unknown := set(market_ids) - _known_listed_ms.keys():
        firsts = MarketVersion.objects.filter(market__in=unknown).order_by("market_id", "version")
        made = firsts.distinct("market_id").values_list("market_id", "made_at")
        _known_listed_ms.update({market_id: to_ms(at) for market_id, at in made})
    return _known_listed_ms


def _filters(rules: MarketRules, tick: str, lot: str) -> list[dict[str, Any]]:
    sizes = {
        "minQty": qty_text(rules.min_size_lots, rules),
        "maxQty": qty_text(rules.max_size_lots, rules),
        "stepSize": lot,
    }
    most = price_text(MAX_PRICE_TICKS, rules)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": most, "tickSize": tick},
        {"filterType": "LOT_SIZE", **sizes},
        {"filterType": "MARKET_LOT_SIZE", **sizes},
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_open_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": rules.max_open_orders},
        {"filterType": "MIN_NOTIONAL", "notional": units_text(rules.min_notional_units)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": units_text(PPM + rules.price_band_ppm),
            "multiplierDown": units_text(PPM - rules.price_band_ppm),
            "multiplierDecimal": "4",
        },
    ]


# --- the book and trades --------------------------------------------------------------------------


def depth(asked: VenueAsk) -> dict[str, Any]:
    rules = market_of(asked.params.required("symbol"))
    limit = asked.params.whole("limit", DEPTH_LIMIT_DEFAULT)
    if limit not in DEPTH_LIMITS:
        raise GatewayRefusal(_WORST_DEPTH)
    book = selectors.market_depth(rules.id)
    return {
        "lastUpdateId": book.seq,
        "E": now_ms(),
        "T": book.time_ms,
        "bids": levels(book.bids[:limit], rules),
        "asks": levels(book.asks[:limit], rules),
    }


def levels(side: Sequence[tuple[int, int]], rules: MarketRules) -> list[tuple[str, str]]:
    return [(price_text(price, rules), qty_text(size, rules)) for price, size in side]


def trades(asked: VenueAsk) -> list[dict[str, Any]]:
    """The latest, or those from an id on; the oldest of them first."""
    rules = market_of(asked.params.required("symbol"))
    limit = asked.params.limit(TRADES_DEFAULT, TRADES_MAX)
    found = trades_of_market(rules.id)
    if asked.params.given("fromId"):
        rows = found.oldest(limit, asked.params.whole("fromId", 0))
    else:
        rows = found.newest(limit)[::-1]
    return [_trade(row, rules) for row in rows]


def aggregate_trades(asked: VenueAsk) -> list[dict[str, Any]]:
    """Each trade is one of its own."""
    params = asked.params
    rules = market_of(params.required("symbol"))
    limit = params.limit(TRADES_DEFAULT, TRADES_MAX)
    found = trades_of_market(rules.id, window_asked(params))
    if params.given("fromId") or params.given("startTime"):
        rows = found.oldest(limit, params.whole("fromId", 0))
    else:
        rows = found.newest(limit)[::-1]
    return [_aggregate_trade(row, rules) for row in rows]


def _trade(fill: Fill, rules: MarketRules) -> dict[str, Any]:
    quote_units = rules.units_per_tick_lot * fill.price_ticks * fill.size_lots
    return {
        "id": fill.trade_id,
        "price": price_text(fill.price_ticks, rules),
        "qty": qty_text(fill.size_lots, rules),
        "quoteQty": units_text(quote_units),
        "time": to_ms(fill.executed_at),
        "isBuyerMaker": fill.side == Side.SHORT,
        "isRPITrade": False,
    }


def _aggregate_trade(fill: Fill, rules: MarketRules) -> dict[str, Any]:
    size = qty_text(fill.size_lots, rules)
    return {
        "a": fill.trade_id,
        "p": price_text(fill.price_ticks, rules),
        "q": size,
        "nq": size,
        "f": fill.trade_id,
        "l": fill.trade_id,
        "T": to_ms(fill.executed_at),
        "m": fill.side == Side.SHORT,
    }


# --- tickers --------------------------------------------------------------------------------------


def markets_asked(asked: VenueAsk) -> dict[str, MarketRules]:
    """The one that is named, or all that are listed."""
    if not asked.params.given("symbol"):
        return listed_markets()
    symbol = asked.params.text("symbol").upper()
    return {symbol: market_of(symbol)}


def one_or_all(asked: VenueAsk, found: list[Any]) -> Any:
    """A call that names a symbol is answered with an object."""
    return found[0] if asked.params.given("symbol") else found


def ticker_24h(asked: VenueAsk) -> Any:
    markets = markets_asked(asked)
    ids = [rules.id for rules in markets.values()]
    figures, last = day_figures(ids), newest_trades(ids)
    found = [
        day_ticker(symbol, rules, figures[rules.id], last.get(rules.id))
        for symbol, rules in markets.items()
    ]
    return one_or_all(asked, found)


def day_ticker(
    symbol: str, rules: MarketRules, day: DayFigures, last: Fill | None
) -> dict[str, Any]:
    """Trade ids have no gaps, so the first of the day follows from the last and their number."""
    closed_ms = now_ms()
    price = last.price_ticks if last else day.close_ticks
    last_id = last.trade_id if last else 0
    open_ticks = day.open_ticks or price
    return {
        "symbol": symbol,
        "priceChange": price_text(price - open_ticks, rules),
        "priceChangePercent": ratio_text(100 * (price - open_ticks), open_ticks) or "0",
        "weightedAvgPrice": average_price_text(
            day.quote_units, day.volume_lots, rules.units_per_tick_lot, rules.tick_size
        ),
        "lastPrice": price_text(price, rules),
        "lastQty": qty_text(last.size_lots if last else 0, rules),
        "openPrice": price_text(open_ticks, rules),
        "highPrice": price_text(day.high_ticks or price, rules),
        "lowPrice": price_text(day.low_ticks or price, rules),
        "volume": qty_text(day.volume_lots, rules),
        "quoteVolume": units_text(day.quote_units),
        "openTime": closed_ms - _DAY_MS,
        "closeTime": closed_ms,
        "firstId": max(0, last_id - day.trade_count + 1),
        "lastId": last_id,
        "count": day.trade_count,
    }


def last_price(asked: VenueAsk) -> Any:
    markets = markets_asked(asked)
    tickers = live_tickers([rules.id for rules in markets.values()])
    found = [
        {
            "symbol": symbol,
            "price": price_text(tickers[rules.id].last_price_ticks, rules),
            "time": tickers[rules.id].time_ms or now_ms(),
        }
        for symbol, rules in markets.items()
    ]
    return one_or_all(asked, found)


def best_prices(asked: VenueAsk) -> Any:
    markets = markets_asked(asked)
    books = selectors.market_depths([rules.id for rules in markets.values()])
    found = []
    for symbol, rules in markets.items():
        book = books[rules.id]
        (bid, bid_size), (ask, ask_size) = (
            levels(side[:1] or [(0, 0)], rules)[0] for side in (book.bids, book.asks)
        )
        found.append(
            {
                "symbol": symbol,
                "bidPrice": bid,
                "bidQty": bid_size,
                "askPrice": ask,
                "askQty": ask_size,
                "time": book.time_ms or now_ms(),
                "lastUpdateId": book.seq,
            }
        )
    return one_or_all(asked, found)


def open_interest(asked: VenueAsk) -> dict[str, Any]:
    symbol = asked.params.required("symbol").upper()
    rules = market_of(symbol)
    ticker = live_ticker(rules.id)
    return {
        "openInterest": qty_text(ticker.open_interest_lots, rules),
        "symbol": symbol,
        "time": ticker.time_ms or now_ms(),
    }
