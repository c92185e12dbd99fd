"""Events of markets, as the venue's clients read them."""

from typing import Any

from gateway.http.data.candles import Bar, Interval
from gateway.http.data.market import levels
from gateway.words.figures import price_text, qty_text
from gateway.words.vocabulary import SIDE_WORDS
from markets.conversions import units_text
from markets.rules import MarketRules
from matching.messages.events import OutputEntry, PositionLiquidated, Trade
from matching.messages.streams import Depth, Ticker
from matching.messages.vocabulary import Side


def trade_event(trade: Trade, entry: OutputEntry, symbol: str, rules: MarketRules) -> Any:
    return {
        "e": "trade",
        "E": entry.time_ms,
        "T": entry.time_ms,
        "s": symbol,
        "t": trade.trade_id,
        "p": price_text(trade.price_ticks, rules),
        "q": qty_text(trade.size_lots, rules),
        "X": "MARKET",
        "m": trade.taker_side is Side.SHORT,
    }


def aggregate_trade_event(trade: Trade, entry: OutputEntry, symbol: str, rules: MarketRules) -> Any:
    """Each trade is one of its own."""
    size = qty_text(trade.size_lots, rules)
    return {
        "e": "aggTrade",
        "E": entry.time_ms,
        "s": symbol,
        "a": trade.trade_id,
        "p": price_text(trade.price_ticks, rules),
        "q": size,
        "nq": size,
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": entry.time_ms,
        "m": trade.taker_side is Side.SHORT,
    }


def force_order_event(
    event: PositionLiquidated, entry: OutputEntry, symbol: str, rules: MarketRules
) -> Any:
    """The order that closes the position is of the other side."""
    closed_lots = event.filled_lots + event.deleveraged_lots
    side = Side.SHORT if event.position_lots > 0 else Side.LONG
    filled = qty_text(closed_lots, rules)
    price = price_text(event.limit_ticks, rules)
    return {
        "e": "forceOrder",
        "E": entry.time_ms,
        "o": {
            "s": symbol,
            "S": SIDE_WORDS[side],
            "o": "LIMIT",
            "f": "IOC",
            "q": qty_text(abs(event.position_lots), rules),
            "p": price,
            "ap": price,
            "X": "FILLED" if not event.left_lots else "PARTIALLY_FILLED",
            "l": filled,
            "z": filled,
            "T": entry.time_ms,
        },
    }


def book_ticker_event(depth: Depth, symbol: str, rules: MarketRules, now_ms: int) -> Any:
    (bid, bid_size), (ask, ask_size) = (
        levels(side[:1] or [(0, 0)], rules)[0] for side in (depth.bids, depth.asks)
    )
    return {
        "e": "bookTicker",
        "u": depth.seq,
        "s": symbol,
        "ps": symbol,
        "b": bid,
        "B": bid_size,
        "a": ask,
        "A": ask_size,
        "T": depth.time_ms,
        "E": now_ms,
    }


def mark_price_event(
    ticker: Ticker, rate: str, next_funding_ms: int, symbol: str, rules: MarketRules, now_ms: int
) -> Any:
    mark = price_text(ticker.mark_price_ticks, rules)
    index = price_text(ticker.index_price_ticks, rules)
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": symbol,
        "p": mark,
        "ap": mark,
        "P": index,
        "i": index,
        "r": rate,
        "T": next_funding_ms,
    }


def mini_ticker_event(day: dict[str, Any], now_ms: int) -> Any:
    """Of what the call for the last 24 hours answers."""
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": day["symbol"],
        "ps": day["symbol"],
        "c": day["lastPrice"],
        "o": day["openPrice"],
        "h": day["highPrice"],
        "l": day["lowPrice"],
        "v": day["volume"],
        "q": day["quoteVolume"],
    }


def ticker_event(day: dict[str, Any], now_ms: int) -> Any:
    return {
        "e": "24hrTicker",
        "E": now_ms,
        "s": day["symbol"],
        "ps": day["symbol"],
        "p": day["priceChange"],
        "P": day["priceChangePercent"],
        "w": day["weightedAvgPrice"],
        "c": day["lastPrice"],
        "Q": day["lastQty"],
        "o": day["openPrice"],
        "h": day["highPrice"],
        "l": day["lowPrice"],
        "v": day["volume"],
        "q": day["quoteVolume"],
        "O": day["openTime"],
        "C": day["closeTime"],
        "F": day["firstId"],
        "L": day["lastId"],
        "n": day["count"],
    }


def kline_event(
    bar: Bar,
    name: str,
    interval: Interval,
    symbol: str,
    rules: MarketRules,
    now_ms: int,
    *,
    is_over: bool,
) -> dict[str, Any]:
    end_ms = interval.next_of(bar.start_ms)
    prices = {
        word: price_text(ticks, rules)
        for word, ticks in (
            ("o", bar.open_ticks),
            ("c", bar.close_ticks),
            ("h", bar.high_ticks),
            ("l", bar.low_ticks),
        )
    }
    return {
        "e": "kline",
        "E": now_ms,
        "s": symbol,
        "k": {
            "t": bar.start_ms,
            "T": end_ms - 1,
            "s": symbol,
            "i": name,
            "f": 0,
            "L": 0,
            **prices,
            "v": qty_text(bar.volume_lots, rules),
            "n": bar.trade_count,
            "x": is_over,
            "q": units_text(bar.quote_units),
            "V": qty_text(bar.taker_buy_lots, rules),
            "Q": units_text(bar.taker_buy_units),
            "B": "0",
        },
    }


def continuous_kline_event(kline: dict[str, Any]) -> dict[str, Any]:
    """The same of the pair."""
    bar = {name: value for name, value in kline["k"].items() if name != "s"}
    return {
        "e": "continuous_kline",
        "E": kline["E"],
        "ps": kline["s"],
        "ct": "PERPETUAL",
        "k": bar,
    }
