"""① Where markets stand: prices, the last 24 hours, the book."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.http.paging import query_int
from common.http.schema import documented, query
from common.http.views import PublicView
from markets.conversions import to_ticks
from markets.rules import all_market_rules, live_ticker, live_tickers, market_rules
from matching.messages.streams import TOP_OF_BOOK_LEVELS_MAX
from matching.messages.vocabulary import MarketState
from trading import selectors
from trading.day_figures import day_figures
from trading.http.answers.prices import (
    DepthAnswer,
    TickerAnswer,
    TickersList,
    depth_answer,
    market_ticker_answer,
    ticker_answer,
)
from trading.http.markets import examples
from trading.http.queries import OF_MARKET, market_filter

DEPTH_LEVELS_DEFAULT = 50


class TickersView(PublicView):
    @documented(
        "Prices of all markets",
        answer=TickersList,
        example=examples.TICKERS,
        parameters=[OF_MARKET],
        errors=(404, 503),
        public=True,
        operation_id="tickers_list",
    )
    def get(self, request: Request) -> Response:
        """Prices, the funding rate as it would be now, and the last 24 hours to the minute, at most
        a second old; `change` is `close` − `open`. Delisted markets are left out unless named."""
        market_id = market_filter(request)
        known = all_market_rules()
        rules = [known[market_id]] if market_id else list(known.values())
        ids = [one.id for one in rules]
        tickers, figures = live_tickers(ids), day_figures(ids)
        statuses = selectors.market_statuses(ids)
        answers = [
            market_ticker_answer(one, tickers[one.id], statuses[one.id], figures[one.id])
            for one in rules
            if market_id or tickers[one.id].state is not MarketState.DELISTED
        ]
        return Response(TickersList(tickers=answers))


class TickerView(PublicView):
    @documented(
        "Prices",
        answer=TickerAnswer,
        example=examples.TICKER,
        errors=(404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:  # noqa: ARG002  DRF passes it
        """Mark, index, last and best prices, at most a fifth of a second old."""
        rules = market_rules(market_id)
        return Response(ticker_answer(rules, live_ticker(market_id)))


class DepthView(PublicView):
    @documented(
        "The order book",
        answer=DepthAnswer,
        example=examples.DEPTH,
        parameters=[
            query("limit", "Levels per side, 1 to 200; 50 if not given.", int),
            query("step", "Levels summed up to multiples of this price, of whole ticks."),
        ],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:
        """Price levels, best first, at most a tenth of a second old. The 200 best of a side are
        known; a `step` sums those up, bids downward, asks upward."""
        rules = market_rules(market_id)
        limit = query_int(request, "limit", DEPTH_LEVELS_DEFAULT, 1, TOP_OF_BOOK_LEVELS_MAX)
        step = request.query_params.get("step")
        step_ticks = 1 if step is None else to_ticks(step, rules.tick_size, "step")
        depth = selectors.market_depth(market_id)
        return Response(depth_answer(rules, depth, limit, step_ticks))
