"""An answer that tells of all markets asks Redis and Postgres as often for many as for few."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.health.report import exchange_status
from console.today.figures import figures_of
from console.today.ranges import DEFAULT_RANGE
from gateway.asking.params import Params
from gateway.http import account
from gateway.http.calls import VenueAsk
from gateway.http.data import market, prices
from gateway.http.data.candles import INTERVALS, newest_bars
from gateway.streams.own.worth import _look
from gateway.words.symbols import listed_markets
from markets.models import Market, MarketStatus
from markets.rules import live_tickers, market_tickers
from tests.admin.price_reports import make_price_report
from tests.builders.round_trips import round_trips
from tests.trading.client import Trader, forget_caches, make_market, make_trader, set_ticker
from trading import selectors
from trading.models import Position

FEW, MANY = 2, 12
NOW_MS = 1_790_000_000_000


def ids() -> list[str]:
    return list(Market.objects.values_list("pk", flat=True))


def of_venue(call: Callable[[VenueAsk], Any]) -> Callable[[Trader], Any]:
    return lambda trader: call(VenueAsk(Params(), trader.user.pk))


def of_api(path: str) -> Callable[[Trader], Any]:
    def ask(trader: Trader) -> None:
        answer = trader.api.get(path)
        assert answer.status == 200, answer

    return ask


ASKED: dict[str, Callable[[Trader], Any]] = {
    "kept tickers": lambda _: market_tickers(ids()),
    "live tickers": lambda _: live_tickers(ids()),
    "depths": lambda _: selectors.market_depths(ids()),
    "listed": lambda _: listed_markets(),
    "exchangeInfo": of_venue(market.exchange_info),
    "ticker/24hr": of_venue(market.ticker_24h),
    "ticker/price": of_venue(market.last_price),
    "ticker/bookTicker": of_venue(market.best_prices),
    "premiumIndex": of_venue(prices.premium_index),
    "fundingRate": of_venue(prices.funding_rates),
    "fundingInfo": of_venue(prices.funding_info),
    "positionRisk": of_venue(account.position_risk_all),
    "account": of_venue(account.account),
    "leverageBracket": of_venue(account.leverage_brackets),
    "symbolConfig": of_venue(account.symbol_config),
    "candle streams": lambda _: newest_bars([(id, INTERVALS["3m"]) for id in ids()], 2),
    "worth of accounts": lambda trader: _look([trader.user.pk]),
    "/markets": of_api("/markets"),
    "/exchange": of_api("/exchange"),
    "/tickers": of_api("/tickers"),
    "/user/positions": of_api("/user/positions"),
    "/user/snapshot": of_api("/user/snapshot"),
    "today": lambda _: figures_of(DEFAULT_RANGE, NOW_MS),
    "status": lambda _: exchange_status(),
}


def open_market(client: redis.Redis, trader: Trader, number: int) -> None:
    """Every third has no published ticker; the index of all is stale, though sources agree."""
    found = make_market(f"M{number}-PERP")
    if number % 3:
        set_ticker(client, found.pk)
    Position.objects.create(
        user=trader.user,
        market=found,
        position_lots=3,
        entry_cost_units=75_000,
        margin_units=10_000,
        leverage=10,
        seq=7,
        updated_at=timezone.now(),
    )
    MarketStatus.objects.filter(pk=found.pk).update(index_stale=True, mark_price_ticks=25_000)
    make_price_report(client, found)


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.usefixtures("still")
def test_round_trips_do_not_grow_with_markets(
    what: str, transactional_db: None, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = make_trader()
    counted: list[tuple[int, int]] = []
    for first, count in ((0, FEW), (FEW, MANY)):
        for number in range(first, count):
            open_market(redis_db, trader, number)
        ASKED[what](trader)  # connects
        forget_caches()
        market._known_listed_ms.clear()
        with CaptureQueriesContext(connection) as captured, round_trips(monkeypatch) as sent:
            ASKED[what](trader)
        counted.append((len(captured), len(sent)))
    assert counted[0] == counted[1], (captured.captured_queries, sent)
    assert sum(counted[0]) > 0
