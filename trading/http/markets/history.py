"""① What happened in a market: trades, candles, funding, liquidations."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import invalid
from common.http.paging import keyset_page, page_limit, page_of, query_int
from common.http.schema import PAGE_LIMIT, PAGING, documented, query
from common.http.views import PublicView
from common.http.windows import TIME_WINDOW, query_window
from markets.conversions import lots_text, ppb_text, units_text
from markets.rules import market_rules
from matching.messages.limits import MAX_TIME_MS
from trading import selectors
from trading.http.answers.markets import (
    CandlesPage,
    FundingPage,
    LiquidationsPage,
    PricesPage,
    StandingsPage,
    TradesPage,
    candle_answer,
    funding_answer,
    liquidation_answer,
    prices_answer,
    standing_answer,
    trade_answer,
)
from trading.http.answers.prices import funding_estimate
from trading.http.markets import examples
from trading.models import CANDLE_INTERVALS_MS
from trading.price_history import PriceKind, price_candles
from trading.trades import trades_of_market

INTERVAL_DEFAULT = "1m"
_INTERVALS = ", ".join(CANDLE_INTERVALS_MS)
_INTERVAL = query("interval", f"{_INTERVALS}; {INTERVAL_DEFAULT} if not given.")
_BEFORE = query(
    "cursor",
    "Only what opened before this time, in milliseconds since 1970: nextCursor of the page before, "
    "or any other.",
)


class TradesView(PublicView):
    may_be_old = True

    @documented(
        "Latest trades",
        answer=TradesPage,
        example=examples.TRADES,
        parameters=[*TIME_WINDOW, *PAGING],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """Newest first. `from` and `to` are of `executedAt`."""
        rules = market_rules(market_id)
        rows = trades_of_market(market_id, query_window(request))
        page, next_cursor = page_of(request, rows.newest, key="trade_id")
        trades = [trade_answer(row, rules) for row in page]
        return Response(TradesPage(trades=trades, next_cursor=next_cursor))


class CandlesView(PublicView):
    may_be_old = True

    @documented(
        "Candles",
        answer=CandlesPage,
        example=examples.CANDLES,
        parameters=[
            _INTERVAL,
            _BEFORE,
            *TIME_WINDOW,
            PAGE_LIMIT,
        ],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """Newest first; the newest one grows until its interval is over. All trades count, forced
        ones too. Where nothing traded there is no candle. Hours and days are UTC's.
        """
        rules = market_rules(market_id)
        interval = _interval_of(request)
        rows = selectors.candles_of_market(market_id, interval, query_window(request))
        page, next_cursor = keyset_page(request, rows, key="start_ms")
        answer = CandlesPage(
            market_id=market_id,
            interval=interval,
            candles=[candle_answer(row, rules) for row in page],
            next_cursor=next_cursor,
        )
        return Response(answer)


class PricesView(PublicView):
    may_be_old = True

    @documented(
        "Mark and index prices",
        answer=PricesPage,
        example=examples.PRICES,
        parameters=[
            query("of", "mark or index; mark if not given."),
            _INTERVAL,
            _BEFORE,
            PAGE_LIMIT,
        ],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """As candles, newest first, while prices were not stale. Minutes are kept for 31 days,
        hours for good: intervals of an hour and more reach back further."""
        rules = market_rules(market_id)
        asked = request.query_params.get("of", PriceKind.MARK)
        if asked not in set(PriceKind):
            raise invalid("of", "of must be mark or index.")
        interval = _interval_of(request)
        before_ms = query_int(request, "cursor", MAX_TIME_MS, 1, MAX_TIME_MS)
        candles, older_ms = price_candles(
            market_id, PriceKind(asked), interval, before_ms, page_limit(request)
        )
        answer = PricesPage(
            market_id=market_id,
            of=asked,
            interval=interval,
            candles=[prices_answer(row, rules) for row in candles],
            next_cursor=None if older_ms is None else str(older_ms),
        )
        return Response(answer)


class StandingsView(PublicView):
    may_be_old = True

    @documented(
        "Open interest over time",
        answer=StandingsPage,
        example=examples.STANDINGS,
        parameters=[*TIME_WINDOW, *PAGING],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """Every five minutes, newest first: open interest, who is long and short, and the insurance
        fund. `from` and `to` are of `takenAt`."""
        rules = market_rules(market_id)
        rows = selectors.standings_of_market(market_id, query_window(request))
        page, next_cursor = keyset_page(request, rows, key="taken_ms")
        standings = [standing_answer(row, rules) for row in page]
        return Response(StandingsPage(market_id, standings, next_cursor))


class FundingView(PublicView):
    may_be_old = True

    @documented(
        "Funding",
        answer=FundingPage,
        example=examples.FUNDING,
        parameters=[*TIME_WINDOW, *PAGING],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """Where the rate stands, and past settlements, newest first. `from` and `to` are of
        `settledAt`."""
        rules = market_rules(market_id)
        status = selectors.market_status(market_id)
        rows = selectors.funding_of_market(market_id, query_window(request))
        page, next_cursor = keyset_page(request, rows, key="seq")
        answer = FundingPage(
            market_id=market_id,
            lot_size=lots_text(1, rules.lot_size),
            last_rate=ppb_text(status.funding_rate_ppb),
            estimate=funding_estimate(status, rules),
            settlements=[funding_answer(row, rules) for row in page],
            next_cursor=next_cursor,
        )
        return Response(answer)


class LiquidationsView(PublicView):
    may_be_old = True

    @documented(
        "Liquidations",
        answer=LiquidationsPage,
        example=examples.LIQUIDATIONS,
        parameters=[*TIME_WINDOW, *PAGING],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """Every one, newest first, and the insurance fund. `from` and `to` are of
        `liquidatedAt`."""
        rules = market_rules(market_id)
        status = selectors.market_status(market_id)
        rows = selectors.liquidations_of_market(market_id, query_window(request))
        page, next_cursor = keyset_page(request, rows)
        answer = LiquidationsPage(
            market_id=market_id,
            insurance_fund=units_text(status.insurance_units),
            liquidations=[liquidation_answer(row, rules) for row in page],
            next_cursor=next_cursor,
        )
        return Response(answer)


def _interval_of(request: Request) -> str:
    interval = request.query_params.get("interval", INTERVAL_DEFAULT)
    if interval not in CANDLE_INTERVALS_MS:
        raise invalid("interval", f"interval must be one of {_INTERVALS}.")
    return interval
