"""Candles of trades and of prices, in the venue's intervals.

Intervals that are kept are read as they are; others are put together from the longest kept one that
divides them. Where nothing traded there is no candle, as in our own API.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.postgres.windows import Window
from gateway.asking.params import Params
from gateway.http.calls import VenueAsk
from gateway.http.data.windows import MAX_END_MS, window_asked
from gateway.words.errors import malformed
from gateway.words.figures import price_text, qty_text
from gateway.words.symbols import market_of
from markets.conversions import at_ms, ratio_text, units_text
from markets.rules import MarketRules
from trading import selectors
from trading.models import CANDLE_INTERVALS_MS, Candle
from trading.price_history import PriceKind, PricesWithin, price_candles

CANDLES_DEFAULT, CANDLES_MAX = 500, 1_500
RATIOS_DEFAULT, RATIOS_MAX = 30, 500
_MINUTE_MS, _HOUR_MS, _DAY_MS = (CANDLE_INTERVALS_MS[name] for name in ("1m", "1h", "1d"))
_MONDAY_MS = 4 * _DAY_MS  # the first of the epoch, which began on a Thursday
_MONTHS_OF_YEAR = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """``kept``: the name of the interval it is put together from, which it has ``parts`` of."""

    kept: str
    parts: int
    start_of: Callable[[int], int]
    next_of: Callable[[int], int]


def _steady(kept: str, length_ms: int, offset_ms: int = 0) -> Interval:
    def start_of(time_ms: int) -> int:
        return (time_ms - offset_ms) // length_ms * length_ms + offset_ms

    parts = length_ms // CANDLE_INTERVALS_MS[kept]
    return Interval(kept, parts, start_of, lambda start_ms: start_ms + length_ms)


def _month_of(time_ms: int) -> int:
    at = at_ms(time_ms)
    return _ms(at.year, at.month)


def _month_after(start_ms: int) -> int:
    at = at_ms(start_ms)
    return _ms(at.year + at.month // _MONTHS_OF_YEAR, at.month % _MONTHS_OF_YEAR + 1)


def _ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000


INTERVALS = {
    **{name: _steady(name, length_ms) for name, length_ms in CANDLE_INTERVALS_MS.items()},
    "3m": _steady("1m", 3 * _MINUTE_MS),
    "30m": _steady("15m", 30 * _MINUTE_MS),
    "2h": _steady("1h", 2 * _HOUR_MS),
    "6h": _steady("1h", 6 * _HOUR_MS),
    "8h": _steady("4h", 8 * _HOUR_MS),
    "12h": _steady("4h", 12 * _HOUR_MS),
    "3d": _steady("1d", 3 * _DAY_MS),
    "1w": _steady("1d", 7 * _DAY_MS, _MONDAY_MS),
    "1M": Interval("1d", 31, _month_of, _month_after),
}

PERIODS = {
    name: INTERVALS[name] for name in ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
}


def period_of(params: Params) -> Interval:
    """However it is written. Raises GatewayRefusal."""
    return PERIODS[params.word("period", [one.upper() for one in PERIODS]).lower()]


def interval_of(params: Params) -> Interval:
    """Case tells a month from a minute. Raises GatewayRefusal."""
    found = INTERVALS.get(params.required("interval"))
    if found is None:
        raise malformed("interval", f"Known are {', '.join(INTERVALS)}.")
    return found


@dataclass(frozen=True, slots=True)
class CandleStretch:
    """Opening times asked for, in ms, ``end_ms`` not among them; and how many at most, from the
    start where that is named, else up to the end."""

    start_ms: int | None
    end_ms: int
    count: int


def _stretch(params: Params, interval: Interval, usual: int, most: int) -> CandleStretch:
    """Raises GatewayRefusal."""
    window_asked(params)
    start_ms, end_ms = params.time_ms("startTime"), params.time_ms("endTime")
    until_ms = MAX_END_MS if end_ms is None else min(end_ms, MAX_END_MS)
    if start_ms is not None:  # the first that opens within
        begun_ms = interval.start_of(start_ms)
        start_ms = begun_ms if begun_ms >= start_ms else interval.next_of(begun_ms)
    return CandleStretch(start_ms, until_ms + 1, params.limit(usual, most))


# --- of trades ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bar:
    """Of an interval; its kept parts are added in the order of time."""

    start_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int = 0
    quote_units: int = 0
    trade_count: int = 0
    taker_buy_lots: int = 0
    taker_buy_units: int = 0

    def add(self, other: "Bar") -> None:
        self.high_ticks = max(self.high_ticks, other.high_ticks)
        self.low_ticks = min(self.low_ticks, other.low_ticks)
        self.close_ticks = other.close_ticks
        self.volume_lots += other.volume_lots
        self.quote_units += other.quote_units
        self.trade_count += other.trade_count
        self.taker_buy_lots += other.taker_buy_lots
        self.taker_buy_units += other.taker_buy_units


def klines(asked: VenueAsk) -> list[list[Any]]:
    return _klines(asked.params, market_of(asked.params.required("symbol")))


def continuous_klines(asked: VenueAsk) -> list[list[Any]]:
    asked.params.word("contractType", ("PERPETUAL",), "PERPETUAL")
    return _klines(asked.params, market_of(asked.params.required("pair")))


def taker_ratio(asked: VenueAsk) -> list[dict[str, Any]]:
    """What takers bought and sold, by period."""
    params = asked.params
    rules = market_of(params.required("symbol"))
    period = period_of(params)
    stretch = _stretch(params, period, RATIOS_DEFAULT, RATIOS_MAX)
    return [
        {
            "buySellRatio": ratio_text(bar.taker_buy_lots, sold_lots) or "0",
            "buyVol": qty_text(bar.taker_buy_lots, rules),
            "sellVol": qty_text(sold_lots, rules),
            "timestamp": bar.start_ms,
        }
        for bar, sold_lots in (
            (bar, bar.volume_lots - bar.taker_buy_lots) for bar in _bars(rules, period, stretch)
        )
    ]


def _klines(params: Params, rules: MarketRules) -> list[list[Any]]:
    interval = interval_of(params)
    stretch = _stretch(params, interval, CANDLES_DEFAULT, CANDLES_MAX)
    return [_kline(bar, interval, rules) for bar in _bars(rules, interval, stretch)]


def _bars(rules: MarketRules, interval: Interval, asked: CandleStretch) -> Sequence[Bar]:
    rows = selectors.candles_of_market(rules.id, interval.kept, _window(asked))
    parts = asked.count * interval.parts
    if asked.start_ms is not None:
        found = list(rows.order_by("start_ms")[:parts])
    else:
        found = list(rows.order_by("-start_ms")[:parts])[::-1]
    return _within(_joined(map(_bar_of_row, found), interval), asked)


def newest_bars(asked: Sequence[tuple[str, Interval]], count: int) -> list[list[Bar]]:
    """Of each market and interval, the oldest of them first."""
    rows = selectors.newest_candles(
        [(market_id, one.kept, count * one.parts) for market_id, one in asked]
    )
    return [
        _joined(map(_bar_of_row, of_one), interval)[-count:]
        for of_one, (_, interval) in zip(rows, asked, strict=True)
    ]


def _bar_of_row(row: Candle) -> Bar:
    return Bar(
        row.start_ms,
        row.open_ticks,
        row.high_ticks,
        row.low_ticks,
        row.close_ticks,
        int(row.volume_lots),
        int(row.quote_units),
        row.trade_count,
        int(row.taker_buy_lots),
        int(row.taker_buy_units),
    )


def _window(asked: CandleStretch) -> Window:
    return Window(None if asked.start_ms is None else at_ms(asked.start_ms), at_ms(asked.end_ms))


def _joined(parts: Iterable[Bar], interval: Interval) -> list[Bar]:
    bars: list[Bar] = []
    for part in parts:
        start_ms = interval.start_of(part.start_ms)
        if bars and bars[-1].start_ms == start_ms:
            bars[-1].add(part)
        else:
            part.start_ms = start_ms
            bars.append(part)
    return bars


def _within(bars: Sequence[Bar], asked: CandleStretch) -> Sequence[Bar]:
    return bars[: asked.count] if asked.start_ms is not None else bars[-asked.count :]


def _kline(bar: Bar, interval: Interval, rules: MarketRules) -> list[Any]:
    return [
        bar.start_ms,
        *(
            price_text(ticks, rules)
            for ticks in (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
        ),
        qty_text(bar.volume_lots, rules),
        interval.next_of(bar.start_ms) - 1,
        units_text(bar.quote_units),
        bar.trade_count,
        qty_text(bar.taker_buy_lots, rules),
        units_text(bar.taker_buy_units),
        "0",
    ]


# --- of prices ------------------------------------------------------------------------------------


def mark_klines(asked: VenueAsk) -> list[list[Any]]:
    rules = market_of(asked.params.required("symbol"))
    return _price_klines(asked.params, rules, PriceKind.MARK)


def index_klines(asked: VenueAsk) -> list[list[Any]]:
    rules = market_of(asked.params.required("pair"))
    return _price_klines(asked.params, rules, PriceKind.INDEX)


def premium_klines(asked: VenueAsk) -> list[list[Any]]:
    """Of mark over index, less one. Its high and low are those of its open and close."""
    rules = market_of(asked.params.required("symbol"))
    interval = interval_of(asked.params)
    marks, indexes = (
        {bar.start_ms: bar for bar in _price_bars(asked.params, rules, kind, interval)}
        for kind in (PriceKind.MARK, PriceKind.INDEX)
    )
    answer = []
    for start_ms, mark in marks.items():
        index = indexes[start_ms]
        opened = (mark.open_ticks - index.open_ticks, index.open_ticks)
        closed = (mark.close_ticks - index.close_ticks, index.close_ticks)
        ends = sorted((opened, closed), key=lambda one: one[0] * 1_000_000_000 // one[1])
        answer.append(
            _prices_row(
                interval,
                start_ms,
                [ratio_text(*one) or "0" for one in (opened, ends[1], ends[0], closed)],
            )
        )
    return answer


def _price_klines(params: Params, rules: MarketRules, kind: PriceKind) -> list[list[Any]]:
    interval = interval_of(params)
    return [
        _prices_row(
            interval,
            bar.start_ms,
            [
                price_text(ticks, rules)
                for ticks in (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
            ],
        )
        for bar in _price_bars(params, rules, kind, interval)
    ]


def _price_bars(
    params: Params, rules: MarketRules, kind: PriceKind, interval: Interval
) -> Sequence[Bar]:
    asked = _stretch(params, interval, CANDLES_DEFAULT, CANDLES_MAX)
    kept_ms, end_ms = CANDLE_INTERVALS_MS[interval.kept], asked.end_ms
    if asked.start_ms is not None:
        end_ms = min(end_ms, asked.start_ms + asked.count * interval.parts * kept_ms)
    newest_first, _ = price_candles(
        rules.id, kind, interval.kept, end_ms, asked.count * interval.parts
    )
    first_ms = asked.start_ms or 0
    parts = [_bar(one) for one in reversed(newest_first) if first_ms <= one.start_ms < end_ms]
    return _within(_joined(parts, interval), asked)


def _bar(prices: PricesWithin) -> Bar:
    return Bar(
        prices.start_ms,
        prices.open_ticks,
        prices.high_ticks,
        prices.low_ticks,
        prices.close_ticks,
    )


def _prices_row(interval: Interval, start_ms: int, prices: Sequence[str]) -> list[Any]:
    return [start_ms, *prices, "0", interval.next_of(start_ms) - 1, "0", 0, "0", "0", "0"]
