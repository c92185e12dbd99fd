"""Mark and index prices, funding, and what was open over time."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet

from gateway.http.calls import VenueAsk
from gateway.http.data.candles import period_of
from gateway.http.data.market import markets_asked, now_ms, one_or_all
from gateway.http.data.windows import window_asked
from gateway.words.figures import price_text, qty_text
from gateway.words.symbols import listed_markets, market_of, symbol_of
from markets.conversions import (
    ppb_text,
    ratio_text,
    to_ms,
    units_text,
)
from markets.rules import MarketRules, live_tickers
from trading import selectors
from trading.http.answers.prices import funding_estimate
from trading.models import FundingSettlement, MarketStanding, PriceCandle
from trading.price_history import STANDINGS_MS

FUNDING_DEFAULT, FUNDING_MAX = 100, 1_000
STANDINGS_DEFAULT, STANDINGS_MAX = 30, 500
_HOUR_MS = 3_600_000


def premium_index(asked: VenueAsk) -> Any:
    """The rate is what the interval would be settled at if it ended now, as clients of the venue
    take it."""
    markets = markets_asked(asked)
    ids = [rules.id for rules in markets.values()]
    tickers, statuses = live_tickers(ids), selectors.market_statuses(ids)
    found = []
    for symbol, rules in markets.items():
        ticker, status = tickers[rules.id], statuses[rules.id]
        index = price_text(ticker.index_price_ticks, rules)
        found.append(
            {
                "symbol": symbol,
                "markPrice": price_text(ticker.mark_price_ticks, rules),
                "indexPrice": index,
                "estimatedSettlePrice": index,
                "lastFundingRate": funding_estimate(status, rules).rate,
                "interestRate": units_text(rules.funding_interest_ppm),
                "nextFundingTime": status.next_funding_ms,
                "time": ticker.time_ms or now_ms(),
            }
        )
    return one_or_all(asked, found)


def funding_rates(asked: VenueAsk) -> list[dict[str, Any]]:
    """Past ones, the oldest first; of all markets where none is named."""
    params = asked.params
    limit = params.limit(FUNDING_DEFAULT, FUNDING_MAX)
    window = window_asked(params)
    from_start = params.given("startTime")
    sign = "" if from_start else "-"
    parts = [  # each of its market's index, however long all of them have paid funding
        selectors.funding_of_market(rules.id, window).order_by(f"{sign}seq")[:limit]
        for rules in markets_asked(asked).values()
    ]
    chosen = list(_in_one_query(parts, [f"{sign}settled_at", f"{sign}market_id"])[:limit])
    chosen = chosen if from_start else chosen[::-1]
    return [
        {
            "symbol": symbol_of(row.market_id),
            "fundingRate": ppb_text(row.rate_ppb),
            "fundingTime": to_ms(row.funding_time),
            "markPrice": price_text(row.mark_price_ticks, rules),
        }
        for row, rules in ((row, market_of(symbol_of(row.market_id))) for row in chosen)
    ]


def _in_one_query(
    parts: Sequence[QuerySet[FundingSettlement]], order: Sequence[str]
) -> QuerySet[FundingSettlement] | list[FundingSettlement]:
    """Django knows no union of one, which is in its order."""
    if len(parts) < 2:
        return [row for part in parts for row in part]
    return parts[0].union(*parts[1:], all=True).order_by(*order)


def funding_info(_: VenueAsk) -> list[dict[str, Any]]:
    return [
        {
            "symbol": symbol,
            "adjustedFundingRateCap": units_text(rules.funding_cap_ppm),
            "adjustedFundingRateFloor": units_text(-rules.funding_cap_ppm),
            "fundingIntervalHours": max(1, rules.funding_interval_ms // _HOUR_MS),
            "disclaimer": False,
        }
        for symbol, rules in listed_markets().items()
    ]


# --- what was open --------------------------------------------------------------------------------


def open_interest_history(asked: VenueAsk) -> list[dict[str, Any]]:
    """Its value is at the mark price of that minute."""
    rules, symbol, rows = _standings(asked)
    marks = dict(
        PriceCandle.objects.filter(
            market_id=rules.id,
            interval_ms=60_000,
            start_ms__in=[row.taken_ms for row in rows],
        ).values_list("start_ms", "mark_open_ticks")
    )
    return [
        {
            "symbol": symbol,
            "sumOpenInterest": qty_text(row.open_interest_lots, rules),
            "sumOpenInterestValue": units_text(
                rules.units_per_tick_lot * row.open_interest_lots * marks.get(row.taken_ms, 0)
            ),
            "timestamp": row.taken_ms,
        }
        for row in rows
    ]


def account_ratio(asked: VenueAsk) -> list[dict[str, Any]]:
    """How many accounts are long and short, as parts of one."""
    return _ratios(asked, lambda row: (row.long_accounts, row.short_accounts))


def top_account_ratio(asked: VenueAsk) -> list[dict[str, Any]]:
    """Of the fifth with the largest positions."""
    return _ratios(asked, lambda row: (row.top_long_accounts, row.top_short_accounts))


def top_position_ratio(asked: VenueAsk) -> list[dict[str, Any]]:
    """What those hold."""
    return _ratios(asked, lambda row: (row.top_long_lots, row.top_short_lots))


def _ratios(
    asked: VenueAsk, sides_of: Callable[[MarketStanding], tuple[int, int]]
) -> list[dict[str, Any]]:
    _, symbol, rows = _standings(asked)
    return [
        {
            "symbol": symbol,
            "longShortRatio": ratio_text(longs, shorts) or "0",
            "longAccount": ratio_text(longs, longs + shorts) or "0",
            "shortAccount": ratio_text(shorts, longs + shorts) or "0",
            "timestamp": row.taken_ms,
        }
        for row, (longs, shorts) in ((row, sides_of(row)) for row in rows)
    ]


def _standings(asked: VenueAsk) -> tuple[MarketRules, str, list[MarketStanding]]:
    params = asked.params
    symbol = params.required("symbol").upper()
    rules = market_of(symbol)
    period_ms = period_of(params).next_of(0)
    limit = params.limit(STANDINGS_DEFAULT, STANDINGS_MAX)
    rows = selectors.standings_of_market(rules.id, window_asked(params))
    of_period = [
        row
        for row in rows.order_by("-taken_ms")[: limit * period_ms // STANDINGS_MS]
        if row.taken_ms % period_ms == 0
    ]
    return rules, symbol, of_period[:limit][::-1]
