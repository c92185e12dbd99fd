"""⑤ Candles: Alice sells to Bob, and every interval that it falls into knows. Each trade is one lot
size at one price; one tick of one lot is 500 units of money.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from markets.models import LeverageTier
from matching.messages.events import Trade
from matching.messages.vocabulary import ExecutionType, Side
from persistence import reading
from persistence.reading import persist_market
from persistence.writing import cursor
from tests.ledger.candle_rows import differences_of_candles
from tests.ledger.naive_candles import candle_differences
from tests.ledger.world import World, leg, position
from tests.trading.client import Answer, Api, forget_caches
from trading.models import Candle, Fill

# 2026-01-02 03:59:00: the last minute of the hour 03, and of the four hours from 00:00.
MINUTE_MS = 1_767_326_340_000
NEXT_MINUTE_MS = MINUTE_MS + 60_000
END_OF_THE_CRASHED_CONNECTION = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """With the tiers that the API wants of a market."""
    LeverageTier.objects.create(
        market=world.market, floor_units=0, max_leverage=50, maintenance_ppm=10_000
    )
    forget_caches()
    yield world
    forget_caches()


def trade(
    world: World,
    time_ms: int,
    price_ticks: int,
    size_lots: int,
    execution: ExecutionType = ExecutionType.TRADE,
) -> None:
    """Bob takes what Alice offers, at 10×, for no fee."""
    alice, bob = world.alice.pk, world.bob.pk
    trades = [event for entry in world.entries for event in entry.events if type(event) is Trade]
    trade_id = len(trades) + 1
    margin = 50 * price_ticks * size_lots
    names = f"short {trade_id}", f"long {trade_id}"
    short = world.place(names[0], world.alice, Side.SHORT, size_lots, price_ticks, margin)
    long = world.place(names[1], world.bob, Side.LONG, size_lots, price_ticks, margin)
    traded = Trade(
        trade_id=trade_id,
        execution=execution,
        price_ticks=price_ticks,
        size_lots=size_lots,
        taker_side=Side.LONG,
        taker=leg(long, bob, 0, margin, margin, 0, 0),
        maker=leg(short, alice, 0, margin, margin, 0, 0),
    )
    trades.append(traded)
    lots = sum(event.size_lots for event in trades)
    cost = sum(500 * event.price_ticks * event.size_lots for event in trades)
    world.say(
        world.accepted(names[0]),
        world.accepted(names[1]),
        traded,
        position(alice, -lots, -cost, cost // 10),
        position(bob, lots, cost, cost // 10),
        time_ms=time_ms,
    )


def trade_in_two_minutes(world: World) -> None:
    trade(world, MINUTE_MS, 1_000, 2)
    trade(world, MINUTE_MS + 20_000, 1_010, 1)
    trade(world, MINUTE_MS + 30_000, 990, 3)
    trade(world, MINUTE_MS + 59_999, 1_001, 4)
    trade(world, NEXT_MINUTE_MS, 1_005, 5)
    trade(world, NEXT_MINUTE_MS + 1, 1_004, 1, ExecutionType.LIQUIDATION)


def persisted(world: World) -> None:
    trade_in_two_minutes(world)
    world.publish()
    assert persist_market(world.market_id) == 6


def get(query: str = "", market_id: str = "BTC-PERP") -> Answer:
    return Api().get(f"/markets/{market_id}/candles{query}")


def candles(query: str = "") -> list[dict[str, Any]]:
    answer = get(query)
    assert answer.status == 200, answer
    return list(answer.body["candles"])


FIRST = {
    "openTime": "2026-01-02T03:59:00Z",
    "open": "500",
    "high": "505",
    "low": "495",
    "close": "500.5",
    "volume": "0.01",
    # 0.002 × 500 + 0.001 × 505 + 0.003 × 495 + 0.004 × 500.5
    "quoteVolume": "4.992",
    "tradeCount": 4,
}
SECOND = {
    "openTime": "2026-01-02T04:00:00Z",
    "open": "502.5",
    "high": "502.5",
    "low": "502",
    "close": "502",
    "volume": "0.006",
    "quoteVolume": "3.0145",  # 0.005 × 502.5 + 0.001 × 502
    "tradeCount": 2,
}
DAY = {
    "openTime": "2026-01-02T00:00:00Z",
    "open": "500",
    "high": "505",
    "low": "495",
    "close": "502",
    "volume": "0.016",
    "quoteVolume": "8.0065",
    "tradeCount": 6,
}


def test_alice_and_bob_trade_in_two_minutes(world: World) -> None:
    persisted(world)
    assert get().body == {
        "marketId": "BTC-PERP",
        "interval": "1m",
        "candles": [SECOND, FIRST],
        "nextCursor": None,
    }
    assert candles("?interval=1m") == [SECOND, FIRST]
    starts = {"5m": "03:55", "15m": "03:45", "1h": "03:00", "4h": "00:00"}
    for interval, start in starts.items():
        opened = {"openTime": f"2026-01-02T{start}:00Z"}
        assert candles(f"?interval={interval}") == [SECOND, FIRST | opened], interval
    assert candles("?interval=1d") == [DAY]


def test_a_candle_grows_batch_by_batch(world: World) -> None:
    trade_in_two_minutes(world)
    world.publish()
    assert candles() == []
    persist_market(world.market_id, up_to_seq=1)
    first_trade = dict.fromkeys(("open", "high", "low", "close"), "500")
    first_trade |= {"volume": "0.002", "quoteVolume": "1"}
    assert candles() == [FIRST | first_trade | {"tradeCount": 1}]
    for seq in range(2, 7):
        persist_market(world.market_id, up_to_seq=seq)
        assert differences_of_candles() == []
    assert candles() == [SECOND, FIRST]
    assert candles("?interval=1d") == [DAY]


def test_a_deleveraging_counts_in_no_candle(world: World) -> None:
    trade(world, MINUTE_MS, 1_000, 2)
    trade(world, MINUTE_MS + 1, 1_700, 1, ExecutionType.ADL)
    world.publish()
    persist_market(world.market_id)
    (only,) = candles()
    assert (only["high"], only["close"], only["volume"]) == ("500", "500", "0.002")
    assert differences_of_candles() == []


def test_pages_of_candles_skip_where_nothing_traded(world: World) -> None:
    hours = (0, 1, 5, 30, 31)
    for number in hours:
        trade(world, MINUTE_MS + number * 3_600_000, 1_000 + number, 1)
    world.publish()
    persist_market(world.market_id)
    pages, cursor = [], ""
    while cursor is not None:
        page = get(f"?interval=1h&limit=2{cursor and f'&cursor={cursor}'}").body
        pages.append([candle["open"] for candle in page["candles"]])
        cursor = page["nextCursor"]
    assert pages == [["515.5", "515"], ["502.5", "500.5"], ["500"]]
    # Any time will do: here the one from which the second hour's candle counts.
    before = MINUTE_MS // 3_600_000 * 3_600_000 + 3_600_000
    assert [candle["open"] for candle in candles(f"?interval=1h&cursor={before}")] == ["500"]


@pytest.mark.parametrize("interval", ["2m", "1M", "", "60000", "%00", "1m,5m"])
def test_an_interval_that_is_not_kept_is_refused(world: World, interval: str) -> None:
    answer = get(f"?interval={interval}")
    assert (answer.status, answer.code, answer.body["field"]) == (400, "INVALID_FIELD", "interval")
    assert answer.body["message"] == "interval must be one of 1m, 5m, 15m, 1h, 4h, 1d."


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=x", "cursor=0"])
def test_pages_that_can_not_be_are_refused(world: World, query: str) -> None:
    answer = get(f"?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_FIELD")


def test_candles_of_another_market_are_its_own(world: World) -> None:
    persisted(world)
    answer = get(market_id="ETH-PERP")
    assert (answer.status, answer.code) == (404, "MARKET_NOT_FOUND")


def test_a_crash_between_batches_counts_no_trade_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection dies with the candles of the second batch written and not committed."""
    monkeypatch.setattr(reading, "BATCH_ENTRIES", 2)
    trade_in_two_minutes(world)
    world.publish()
    persist_market(world.market_id, up_to_seq=2)
    with monkeypatch.context() as crash:
        crash.setattr(cursor, "ADVANCE_CURSORS", END_OF_THE_CRASHED_CONNECTION)
        with pytest.raises(OperationalError):
            persist_market(world.market_id)
    connection.close()
    assert Fill.objects.count() == 2 * 2
    assert differences_of_candles() == []
    assert persist_market(world.market_id) == 6
    assert persist_market(world.market_id) == 6
    assert differences_of_candles() == []
    assert candles() == [SECOND, FIRST]


def test_a_candle_that_is_wrong_is_seen(world: World) -> None:
    persisted(world)
    fills, rows = list(Fill.objects.values()), list(Candle.objects.values())
    units = {world.market_id: world.market.units_per_tick_lot}
    assert candle_differences(fills, rows, units) == []
    assert len(candle_differences(fills, rows[1:], units)) == 1
    assert len(candle_differences(fills[2:], rows, units)) == 6
    rows[0]["trade_count"] += 1
    assert len(candle_differences(fills, rows, units)) == 1
