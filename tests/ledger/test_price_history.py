"""⑤ Mark and index prices by minute and hour, and what was open, as the API tells them.

One tick is 0.5 of money.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from accounts.models import User
from common.postgres.windows import Window
from markets.conversions import at_ms
from markets.models import LeverageTier, MarketStatus
from persistence.reading import persist_market
from tests.ledger.prices import mark_price
from tests.ledger.world import World, make_user
from tests.trading.client import Answer, Api, forget_caches
from tests.trading.test_reading import same_shape
from trading import price_history
from trading.http.markets import examples
from trading.models import CANDLE_INTERVALS_MS, MarketStanding, Position, PriceCandle
from trading.price_history import PriceKind, PricesWithin, price_candles
from trading.selectors import standings_of_market

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
MIDNIGHT_MS = 1_767_312_000_000  # 2026-01-02
AHEAD_MS = MIDNIGHT_MS + 30 * DAY_MS


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """With the tiers that the API wants of a market."""
    LeverageTier.objects.create(
        market=world.market, floor_units=0, max_leverage=50, maintenance_ppm=10_000
    )
    forget_caches()
    yield world
    forget_caches()


def get(query: str = "") -> Answer:
    return Api().get(f"/markets/BTC-PERP/prices{query}")


def test_prices_become_minutes_and_hours(world: World) -> None:
    """Told in two batches; a stale index is no price."""
    for at_ms_, mark, index in ((0, 100, 90), (30_000, 140, 80), (59_999, 110, 95)):
        world.say(mark_price(mark, index), time_ms=MIDNIGHT_MS + at_ms_)
    stale = msgspec.structs.replace(mark_price(999, 999), index_stale=True)
    world.say(stale, time_ms=MIDNIGHT_MS + 59_999)
    world.publish()
    assert persist_market(world.market_id) == 4
    again = world.say(mark_price(50, 85), time_ms=MIDNIGHT_MS + 59_999)
    later = world.say(mark_price(70, 75), time_ms=MIDNIGHT_MS + 60_000)
    world.publish(again, later)
    assert persist_market(world.market_id) == 6
    answer = get("?limit=1").body
    assert same_shape(answer, examples.PRICES)
    assert answer["candles"] == [_candle("00:01:00", 70, 70, 70, 70)]
    rest = get(f"?limit=1&cursor={answer['nextCursor']}").body
    assert rest["candles"] == [_candle("00:00:00", 100, 140, 50, 50)]
    assert rest["nextCursor"] is None
    assert get("?of=index").body["candles"] == [
        _candle("00:01:00", 75, 75, 75, 75),
        _candle("00:00:00", 90, 95, 80, 85),
    ]
    for interval in ("5m", "15m", "1h", "4h", "1d"):
        assert get(f"?interval={interval}").body["candles"] == [
            _candle("00:00:00", 100, 140, 50, 70)
        ]


def _candle(time: str, *ticks: int) -> dict[str, str]:
    names = ("open", "high", "low", "close")
    prices = {
        name: str(tick / 2).removesuffix(".0") for name, tick in zip(names, ticks, strict=True)
    }
    return {"openTime": f"2026-01-02T{time}Z", **prices}


@pytest.mark.parametrize("seed", range(3))
def test_every_interval_and_page_against_all_prices(world: World, seed: int) -> None:
    """With days without a price between them."""
    dice = random.Random(seed)
    told: list[tuple[int, int, int]] = []
    at = MIDNIGHT_MS
    for _ in range(120):
        at += dice.choice([1, 20_000, MINUTE_MS, 7 * MINUTE_MS, 3 * HOUR_MS, 2 * DAY_MS])
        told.append((at, dice.randrange(1, 999), dice.randrange(1, 999)))
        world.say(mark_price(*told[-1][1:]), time_ms=at)
    world.publish()
    assert persist_market(world.market_id) == len(told)
    for which, kind in enumerate(PriceKind, start=1):
        for interval, interval_ms in CANDLE_INTERVALS_MS.items():
            wanted = _naive([(row[0], row[which]) for row in told], interval_ms)
            for count in (1, 7, 500):
                assert _all_pages(kind, interval, count) == wanted, (kind, interval, count)


def _naive(prices: list[tuple[int, int]], interval_ms: int) -> list[PricesWithin]:
    within: dict[int, list[int]] = defaultdict(list)
    for time_ms, ticks in prices:
        within[time_ms - time_ms % interval_ms].append(ticks)
    return [
        PricesWithin(start, told[0], max(told), min(told), told[-1])
        for start, told in sorted(within.items(), reverse=True)
    ]


def _all_pages(kind: PriceKind, interval: str, count: int) -> list[PricesWithin]:
    """No page is empty: days without a price are stepped over."""
    found: list[PricesWithin] = []
    end_ms: int | None = AHEAD_MS * 2
    while end_ms is not None:
        page, end_ms = price_candles("BTC-PERP", kind, interval, end_ms, count)
        assert page
        found += page
    return found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?of=last", "of"),
        ("?of=", "of"),
        ("?interval=2m", "interval"),
        ("?cursor=0", "cursor"),
        ("?cursor=" + "9" * 40, "cursor"),
        ("?limit=0", "limit"),
    ],
)
def test_rubbish_is_refused_in_words(world: World, query: str, field: str) -> None:
    answer = get(query)
    assert (answer.status, answer.body["field"]) == (400, field)


def test_a_market_without_prices(world: World) -> None:
    assert get().body["candles"] == []
    assert Api().get("/markets/NONE/prices").status == 404


def _hold(user: User, lots: int) -> None:
    Position.objects.create(
        user=user,
        market_id="BTC-PERP",
        position_lots=lots,
        entry_cost_units=lots * 500,
        margin_units=abs(lots),
        seq=1,
        updated_at=at_ms(MIDNIGHT_MS),
    )


def test_what_is_open_is_taken_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice and Bob are long, Carol short, Dora flat; taken twice within five minutes it counts
    once."""
    for user, lots in ((world.alice, 30), (world.bob, 10), (world.carol, -40)):
        _hold(user, lots)
    _hold(make_user("dora"), 0)
    MarketStatus.objects.filter(pk="BTC-PERP").update(insurance_units=7_500_000)
    _at(monkeypatch, MIDNIGHT_MS + 299_999)
    price_history.take_standings()
    _at(monkeypatch, MIDNIGHT_MS + 300_000)
    price_history.take_standings()
    MarketStatus.objects.filter(pk="BTC-PERP").update(insurance_units=9_000_000)
    price_history.take_standings()
    answer: Any = Api().get("/markets/BTC-PERP/standings").body
    assert same_shape(answer, examples.STANDINGS)
    first = {
        "takenAt": "2026-01-02T00:05:00Z",
        "openInterest": "0.04",
        "longAccounts": 2,
        "shortAccounts": 1,
        "longShortRatio": "2",
        "insuranceFund": "7.5",
    }
    assert answer["standings"] == [first, first | {"takenAt": "2026-01-02T00:00:00Z"}]
    row = MarketStanding.objects.get(taken_ms=MIDNIGHT_MS)
    # Of three accounts the largest one is the fifth.
    top = (row.top_long_accounts, row.top_short_accounts, row.top_long_lots, row.top_short_lots)
    assert top == (0, 1, 0, 40)
    within = Window(at_ms(MIDNIGHT_MS + 1), None)
    assert [row.taken_ms for row in standings_of_market("BTC-PERP", within)] == [
        MIDNIGHT_MS + 300_000
    ]


def test_nothing_open_is_a_standing_too(world: World) -> None:
    price_history.take_standings()
    row = MarketStanding.objects.get()
    assert (row.open_interest_lots, row.long_accounts, row.short_accounts) == (0, 0, 0)
    (shown,) = Api().get("/markets/BTC-PERP/standings").body["standings"]
    assert shown["longShortRatio"] is None


def test_old_minutes_are_forgotten_and_hours_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in (MIDNIGHT_MS - 1, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS):
        world.say(mark_price(100, 100), time_ms=at)
    world.publish()
    assert persist_market(world.market_id) == 3
    _at(monkeypatch, MIDNIGHT_MS + price_history.MINUTES_KEPT_MS)
    price_history.forget_old_minutes("BTC-PERP")
    minutes = PriceCandle.objects.filter(interval_ms=MINUTE_MS).order_by("start_ms")
    assert [row.start_ms for row in minutes] == [MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS]
    assert PriceCandle.objects.filter(interval_ms=HOUR_MS).count() == 3


def _at(monkeypatch: pytest.MonkeyPatch, time_ms: int) -> None:
    monkeypatch.setattr("trading.price_history.time.time_ns", lambda: time_ms * 1_000_000)
