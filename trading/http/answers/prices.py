"""① What the API answers about where markets stand."""

from datetime import datetime
from typing import Any

from markets.conversions import (
    from_ms,
    lots_text,
    ppb_text,
    ratio_text,
    ticks_text,
    units_text,
)
from markets.models import MarketStatus
from markets.rules import MarketRules
from matching.messages.funding import funding_rate_ppb, part_ppb, sum_of_parts_ppb
from matching.messages.streams import TOP_OF_BOOK_LEVELS_MAX, Depth, Ticker
from trading.day_figures import DayFigures
from trading.http.answers.answer import Answer
from trading.http.answers.orders import price_or_none

Levels = list[tuple[int, int]]  # of [price_ticks, size_lots], best first


class DepthAnswer(Answer, frozen=True):
    """Levels of ``[price, qty]``, best first. `seq` is the engine's sequence they are of."""

    market_id: str
    seq: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class TickerAnswer(Answer, frozen=True):
    """Prices are null until there is one."""

    market_id: str
    seq: int
    state: str
    mark_price: str | None
    index_price: str | None
    last_price: str | None
    best_bid: str | None
    best_ask: str | None
    open_interest: str


class FundingEstimate(Answer, frozen=True):
    """The rate if the interval ended now, by the mean `premium` so far and the `interest` of a
    whole interval. `fundingTime` is null before the first price."""

    rate: str
    funding_time: datetime | None
    premium: str
    interest: str


class DayAnswer(Answer, frozen=True):
    """The last 24 hours to the minute. Prices are null where nothing traded. `changeRate` is
    `change` as a fraction of `open`."""

    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume: str
    quote_volume: str
    trade_count: int
    change: str | None
    change_rate: str | None


class MarketTickerAnswer(TickerAnswer, frozen=True):
    """`fundingRate` is what the interval would be settled at if it ended now."""

    funding_rate: str
    funding_time: datetime | None
    day: DayAnswer


class TickersList(Answer, frozen=True):
    tickers: list[MarketTickerAnswer]


def depth_answer(rules: MarketRules, depth: Depth, limit: int, step_ticks: int = 1) -> DepthAnswer:
    def levels(side: Levels, *, rounds_up: bool) -> list[tuple[str, str]]:
        return [
            (ticks_text(price, rules.tick_size), lots_text(size, rules.lot_size))
            for price, size in in_steps(side, step_ticks, rounds_up=rounds_up)[:limit]
        ]

    return DepthAnswer(
        market_id=rules.id,
        seq=depth.seq,
        bids=levels(depth.bids, rounds_up=False),
        asks=levels(depth.asks, rounds_up=True),
    )


def in_steps(side: Levels, step_ticks: int, *, rounds_up: bool) -> Levels:
    """Levels summed up to whole steps, away from the middle. The last step is left out where the
    side was cut off, since it may hold more than is known."""
    if step_ticks == 1:
        return side
    sums: dict[int, int] = {}
    for price, size in side:
        step = (-(-price // step_ticks) if rounds_up else price // step_ticks) * step_ticks
        sums[step] = sums.get(step, 0) + size
    levels = list(sums.items())
    is_cut_off = len(side) >= TOP_OF_BOOK_LEVELS_MAX
    return levels[:-1] if is_cut_off and len(levels) > 1 else levels


def funding_estimate(status: MarketStatus, rules: MarketRules) -> FundingEstimate:
    rate_ppb = funding_rate_ppb(
        status.premium_sum_ppb,
        status.premium_count,
        rules.funding_interval_ms,
        rules.funding_interest_ppm,
        rules.funding_cap_ppm,
    )
    if status.funding_is_split:
        lasts_ms = status.next_funding_ms - status.funding_since_ms
        part = part_ppb(rate_ppb, lasts_ms, rules.funding_interval_ms)
        rate_ppb = sum_of_parts_ppb(status.funding_accrued_ppb, part)
    count = status.premium_count
    return FundingEstimate(
        rate=ppb_text(rate_ppb),
        funding_time=from_ms(status.next_funding_ms),
        premium=ppb_text(status.premium_sum_ppb // count if count else 0),
        interest=units_text(rules.funding_interest_ppm),
    )


def ticker_answer(rules: MarketRules, ticker: Ticker) -> TickerAnswer:
    return TickerAnswer(**ticker_fields(rules, ticker))


def ticker_fields(rules: MarketRules, ticker: Ticker) -> dict[str, Any]:
    return {
        "market_id": rules.id,
        "seq": ticker.seq,
        "state": ticker.state,
        "mark_price": price_or_none(ticker.mark_price_ticks, rules),
        "index_price": price_or_none(ticker.index_price_ticks, rules),
        "last_price": price_or_none(ticker.last_price_ticks, rules),
        "best_bid": price_or_none(ticker.best_bid_ticks, rules),
        "best_ask": price_or_none(ticker.best_ask_ticks, rules),
        "open_interest": lots_text(ticker.open_interest_lots, rules.lot_size),
    }


def market_ticker_answer(
    rules: MarketRules, ticker: Ticker, status: MarketStatus, figures: DayFigures
) -> MarketTickerAnswer:
    estimate = funding_estimate(status, rules)
    return MarketTickerAnswer(
        **ticker_fields(rules, ticker),
        funding_rate=estimate.rate,
        funding_time=estimate.funding_time,
        day=day_answer(rules, figures),
    )


def day_answer(rules: MarketRules, figures: DayFigures) -> DayAnswer:
    change_ticks = figures.close_ticks - figures.open_ticks
    traded = figures.trade_count > 0
    return DayAnswer(
        open=price_or_none(figures.open_ticks, rules),
        high=price_or_none(figures.high_ticks, rules),
        low=price_or_none(figures.low_ticks, rules),
        close=price_or_none(figures.close_ticks, rules),
        volume=lots_text(figures.volume_lots, rules.lot_size),
        quote_volume=units_text(figures.quote_units),
        trade_count=figures.trade_count,
        change=ticks_text(change_ticks, rules.tick_size) if traded else None,
        change_rate=ratio_text(change_ticks, figures.open_ticks) if traded else None,
    )
