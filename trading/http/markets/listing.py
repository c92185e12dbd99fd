"""① What there is to trade, and by which rules."""

import time

from rest_framework.request import Request
from rest_framework.response import Response

from common.http.schema import documented
from common.http.views import PublicView
from markets.rules import all_market_rules, market_rules, market_ticker, market_tickers
from matching.messages.vocabulary import MarketState
from trading.http.answers.markets import (
    ExchangeAnswer,
    LimitAnswer,
    MarketAnswer,
    MarketsList,
    TimeAnswer,
    market_answer,
)
from trading.http.items import BATCH_MAX
from trading.http.limits import ADDRESS_BUDGET, ADDRESS_RATE, DEFAULT_RATES
from trading.http.markets import examples


class TimeView(PublicView):
    @documented(
        "The exchange's time",
        answer=TimeAnswer,
        example=examples.TIME,
        public=True,
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002  DRF passes it
        """In milliseconds since 1970, as signed requests are judged by."""
        return Response(TimeAnswer(server_time_ms=_now_ms()))


class ExchangeView(PublicView):
    @documented(
        "The exchange's rules",
        answer=ExchangeAnswer,
        example=examples.EXCHANGE,
        errors=(503,),
        public=True,
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002  DRF passes it
        """Markets with their steps, fees and tiers, and how much may be asked: what a client needs
        once, in one call. Limits are those of a trader without a tier of their own."""
        rates = [(kind.value, rate) for kind, rate in DEFAULT_RATES.items()]
        answer = ExchangeAnswer(
            server_time_ms=_now_ms(),
            batch_max=BATCH_MAX,
            limits=[
                LimitAnswer(kind=kind, per_second=rate.count // rate.period_s, burst=rate.burst)
                for kind, rate in [*rates, (ADDRESS_BUDGET, ADDRESS_RATE)]
            ],
            markets=_listed_markets(),
        )
        return Response(answer)


class MarketsView(PublicView):
    @documented(
        "All markets",
        answer=MarketsList,
        example=examples.MARKETS,
        errors=(503,),
        public=True,
        operation_id="markets_list",
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002  DRF passes it
        """Their rules and states, by id. Delisted ones are left out."""
        return Response(MarketsList(markets=_listed_markets()))


class MarketView(PublicView):
    @documented(
        "One market",
        answer=MarketAnswer,
        example=examples.MARKET,
        errors=(404, 503),
        public=True,
    )
    def get(self, request: Request, market_id: str) -> Response:  # noqa: ARG002  DRF passes it
        rules = market_rules(market_id)
        return Response(market_answer(rules, market_ticker(market_id)))


def _listed_markets() -> list[MarketAnswer]:
    rules = all_market_rules()
    tickers = market_tickers(rules)
    return [
        market_answer(one, tickers[one.id])
        for one in rules.values()
        if tickers[one.id].state is not MarketState.DELISTED
    ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
