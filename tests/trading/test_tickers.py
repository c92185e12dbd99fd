"""All markets at a glance: prices, the last 24 hours, the book in coarser steps, the rules."""

import random
import time
from collections.abc import Iterable

import msgspec
import pytest
import redis

from markets.models import Market
from matching.messages.streams import TOP_OF_BOOK_LEVELS_MAX, Depth, depth_key
from persistence.projection.candles import TradeFigures, candles_of
from tests.trading.client import Api, make_market, set_ticker
from tests.trading.test_reading import same_shape
from trading.day_figures import NOTHING_TRADED, DayFigures, figures_at
from trading.http.answers.prices import in_steps
from trading.http.limits import DEFAULT_RATES
from trading.http.markets import examples
from trading.models import CANDLE_INTERVALS_MS, Candle

MINUTE_MS, DAY_MS = 60_000, 86_400_000
NOON_MS = 1_767_355_200_000  # 2026-01-02 12:00


def keep(market_id: str, minutes: Iterable[TradeFigures]) -> None:
    """Their candles of every interval."""
    minutes = list(minutes)
    Candle.objects.bulk_create(
        Candle(market_id=market_id, interval_ms=interval_ms, start_ms=start_ms, **columns(rest))
        for interval_ms in CANDLE_INTERVALS_MS.values()
        for start_ms, *rest in candles_of(minutes, interval_ms)
    )


def columns(figures: list[int]) -> dict[str, int]:
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    sums = ("volume_lots", "quote_units", "trade_count", "taker_buy_lots", "taker_buy_units")
    return dict(zip((*names, *sums), figures, strict=True))


def minute_of(time_ms: int, low_ticks: int) -> TradeFigures:
    prices = (low_ticks + 1, low_ticks + 3, low_ticks, low_ticks + 2)
    return TradeFigures(time_ms, *prices, 5, 700, 2, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("past_ms", [0, 1, 59_999, 60_000, 1_799_999, 3_599_999, 3_600_000])
def test_a_day_is_the_last_1440_minutes(market: Market, past_ms: int) -> None:
    """Against every minute summed up by hand, at moments on and beside hours."""
    dice, now_ms = random.Random(past_ms), NOON_MS + past_ms
    last_ms = now_ms // MINUTE_MS * MINUTE_MS
    starts = [last_ms - at * MINUTE_MS for at in range(1_600) if dice.random() < 0.3]
    edges = [last_ms, last_ms - DAY_MS + MINUTE_MS, last_ms - DAY_MS]  # the last is a minute old
    minutes = [minute_of(at, dice.randrange(100, 900)) for at in sorted({*starts, *edges})]
    keep(market.pk, minutes)
    within = [one for one in minutes if one.time_ms > last_ms - DAY_MS]
    expected = DayFigures(
        open_ticks=within[0].open_ticks,
        high_ticks=max(one.high_ticks for one in within),
        low_ticks=min(one.low_ticks for one in within),
        close_ticks=within[-1].close_ticks,
        volume_lots=5 * len(within),
        quote_units=700 * len(within),
        trade_count=2 * len(within),
    )
    quiet = make_market("ETH-PERP")
    found = figures_at([market.pk, quiet.pk], now_ms)
    assert found == {market.pk: expected, quiet.pk: NOTHING_TRADED}


@pytest.mark.django_db
def test_tickers_of_all_markets(market: Market, redis_db: redis.Redis) -> None:
    make_market("ETH-PERP")
    set_ticker(redis_db, last_price_ticks=249_995, best_ask_ticks=250_001, open_interest_lots=1_500)
    now_ms = time.time_ns() // 1_000_000
    keep(
        market.pk,
        [TradeFigures(now_ms - MINUTE_MS, 200_000, 260_000, 190_000, 250_000, 9, 8, 7, 0, 0)],
    )
    answer = Api().get("/tickers").body
    assert same_shape(answer, examples.TICKERS)
    assert [one["marketId"] for one in answer["tickers"]] == ["BTC-PERP", "ETH-PERP"]
    btc, eth = answer["tickers"]
    one = Api().get("/markets/BTC-PERP/ticker").body
    assert {name: btc[name] for name in one} == one
    assert btc["day"] == {
        "open": "20000",
        "high": "26000",
        "low": "19000",
        "close": "25000",
        "volume": "0.009",
        "quoteVolume": "0.000008",
        "tradeCount": 7,
        "change": "5000",
        "changeRate": "0.25",
    }
    prices = ("open", "high", "low", "close", "change", "changeRate")
    assert eth["day"] == {
        **dict.fromkeys(prices),
        "volume": "0",
        "quoteVolume": "0",
        "tradeCount": 0,
    }
    assert Api().get("/tickers?marketId=ETH-PERP").body["tickers"] == [eth]
    assert Api().get("/tickers?marketId=NONE").status == 404
    assert Api().get("/tickers?market=BTC-PERP").code == "UNKNOWN_FIELD"


@pytest.mark.django_db
def test_the_book_in_steps(market: Market, redis_db: redis.Redis) -> None:
    bids, asks = [(249_999, 700), (249_991, 50), (249_989, 1)], [(250_001, 1_200), (250_010, 3)]
    depth = Depth(seq=9, time_ms=1, bids=bids, asks=asks)
    redis_db.set(depth_key(market.pk), msgspec.json.encode(depth))
    answer = Api().get("/markets/BTC-PERP/depth?step=1").body
    assert answer["bids"] == [["24999", "0.75"], ["24998", "0.001"]]
    assert answer["asks"] == [["25001", "1.203"]]
    for step in ("0", "-1", "0.05", "much", "9" * 5_000, "NaN"):
        refused = Api().get(f"/markets/BTC-PERP/depth?step={step}")
        assert (refused.status, refused.body["field"]) == (400, "step"), step


def test_a_step_that_may_hold_more_is_left_out() -> None:
    bids = [(1_000 - at, 1) for at in range(TOP_OF_BOOK_LEVELS_MAX)]
    assert in_steps(bids, 100, rounds_up=False) == [(1_000, 1), (900, 100)]
    assert in_steps(bids[:-1], 100, rounds_up=False) == [(1_000, 1), (900, 100), (800, 98)]
    asks = [(1_000 + at, 1) for at in range(TOP_OF_BOOK_LEVELS_MAX)]
    assert in_steps(asks, 1_000, rounds_up=True) == [(1_000, 1)]


@pytest.mark.django_db
def test_the_rules_in_one_call(market: Market) -> None:
    before_ms = time.time_ns() // 1_000_000
    answer = Api().get("/exchange").body
    assert same_shape(answer, examples.EXCHANGE)
    assert answer["markets"] == Api().get("/markets").body["markets"]
    kinds = {one["kind"]: (one["perSecond"], one["burst"]) for one in answer["limits"]}
    assert set(kinds) == {*DEFAULT_RATES, "address"}
    assert kinds["orders"] == (100, 300)
    assert before_ms <= answer["serverTimeMs"] <= Api().get("/time").body["serverTimeMs"]
