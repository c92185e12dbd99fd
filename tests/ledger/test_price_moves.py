"""Prices of many markets: they wait for each other, go in one transaction, and nothing is lost."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from markets.models import MarketStatus
from matching.messages.codec import encode_entry
from matching.messages.events import MarketStateChanged, MarkPriceChanged, OutputEntry
from matching.messages.streams import ENTRY_FIELD, output_stream
from matching.messages.vocabulary import MarketState, StateReason
from persistence import listener as listener_module
from persistence.listener import OutputStreamListener
from persistence.models import MarketCursor, PersistenceFault
from persistence.price_moves import persist_price_moves
from persistence.reading import persist_market
from tests.ledger.prices import FIRST_TIME_MS
from tests.ledger.test_listener import cursor_of, wait_until
from tests.ledger.world import open_market
from tests.patience import PATIENCE_S
from trading.models import PriceCandle

ONE, OTHER = "BTC-PERP", "ETH-PERP"
NEVER_S = 1e6


def price(ticks: int, *, stale: bool = False) -> MarkPriceChanged:
    return MarkPriceChanged(
        mark_price_ticks=ticks,
        index_price_ticks=ticks + 1,
        index_ms=FIRST_TIME_MS + ticks,
        index_stale=stale,
        premium_ppb=0,
        premium_sum_ppb=ticks,
        premium_count=ticks,
        next_funding_ms=FIRST_TIME_MS + 3_600_000,
    )


@pytest.fixture
def publish(world: Any) -> Callable[..., None]:
    """Appends an entry with these events to a market's output."""
    said = {ONE: 0, OTHER: 0}
    open_market(OTHER)

    def append(market_id: str, *events: Any, command_id: int = 0) -> None:
        said[market_id] = seq = said[market_id] + 1
        time_ms = FIRST_TIME_MS + 1_000 * seq
        entry = OutputEntry(
            seq=seq, input_id=f"{time_ms}-0", time_ms=time_ms, command_id=command_id, events=events
        )
        data = {ENTRY_FIELD: encode_entry(entry)}
        world.redis_db.xadd(output_stream(market_id), data, id=f"{seq}-0")

    return append


@pytest.fixture
def listener() -> Iterator[OutputStreamListener]:
    started = OutputStreamListener(node="test@here")
    yield started
    started.stop(timeout=PATIENCE_S)


def rows_of(market_id: str) -> list[Any]:
    """Everything that prices leave behind."""
    status = MarketStatus.objects.filter(pk=market_id).values()[0]
    candles = PriceCandle.objects.filter(market=market_id).order_by("interval_ms", "start_ms")
    cursor = MarketCursor.objects.filter(pk=market_id).values("seq", "input_id", "entry_time_ms")
    found = [status, *candles.values(), *cursor]
    return [
        {name: value for name, value in row.items() if name not in ("id", "market_id")}
        for row in found
    ]


def test_together_they_leave_what_each_would_leave_alone(publish: Any) -> None:
    for market_id in (ONE, OTHER):
        for ticks in (7, 9, 3, 5):
            publish(market_id, price(ticks))
        publish(market_id)  # moved the clock, and nothing else
        publish(market_id, price(4, stale=True))
    assert persist_price_moves([ONE]) == {ONE: 6}
    assert persist_market(OTHER) == 6
    assert rows_of(ONE) == rows_of(OTHER)
    assert persist_price_moves([ONE, OTHER]) == {ONE: 6, OTHER: 6}
    assert rows_of(ONE) == rows_of(OTHER)


def test_statements_do_not_grow_with_the_markets(publish: Any) -> None:
    """Psycopg's own, those of the pipeline included, are not seen here: but what is begun and
    committed is."""
    publish(ONE, price(1))
    publish(OTHER, price(2))
    with CaptureQueriesContext(connection) as one:
        assert persist_price_moves([ONE]) == {ONE: 1}
    publish(ONE, price(2))
    with CaptureQueriesContext(connection) as both:
        assert persist_price_moves([ONE, OTHER]) == {ONE: 2, OTHER: 1}
    assert len(both) == len(one)


@pytest.mark.parametrize("command_id", [0, 5])
def test_whatever_else_was_said_is_left_alone(publish: Any, command_id: int) -> None:
    event = MarketStateChanged(
        state=MarketState.HALTED, previous_state=MarketState.ACTIVE, reason=StateReason.OPERATOR
    )
    publish(ONE, price(1))
    publish(ONE, *([] if command_id else [event]), command_id=command_id)
    publish(OTHER, price(1))
    assert persist_price_moves([ONE, OTHER]) == {OTHER: 1}
    assert cursor_of(ONE) == 0


@pytest.mark.parametrize("spoil", ["undecodable", "another kind", "a gap", "gone"])
def test_a_market_with_a_fault_is_left_alone(world: Any, publish: Any, spoil: str) -> None:
    publish(OTHER, price(1))
    key = output_stream(ONE)
    match spoil:
        case "undecodable":
            world.redis_db.xadd(key, {ENTRY_FIELD: b"{"}, id="1-0")
        case "another kind":
            world.redis_db.delete(key)
            world.redis_db.set(key, "no stream")
        case "a gap":
            world.redis_db.xadd(key, {ENTRY_FIELD: b"{}"}, id="2-0")
        case "gone":
            MarketCursor.objects.filter(pk=ONE).update(seq=3)
    assert persist_price_moves([ONE, OTHER]) == {OTHER: 1}


def test_what_postgres_refuses_of_one_is_found_by_taking_each_alone(
    publish: Any, listener: OutputStreamListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(listener_module, "PRICE_PERIOD_SECONDS", 0.01)
    for market_id in (ONE, OTHER):
        publish(market_id, price(1))
    listener._listen_once()
    assert (cursor_of(ONE), cursor_of(OTHER)) == (1, 1)
    MarketStatus.objects.filter(pk=ONE).delete()
    for market_id in (ONE, OTHER):
        publish(market_id, price(2))
    assert persist_price_moves([ONE, OTHER]) == {}
    listener.start()
    wait_until(lambda: cursor_of(OTHER) == 2, "the neighbour's price")
    wait_until(PersistenceFault.objects.filter(market=ONE).exists, "the fault of the other")
    assert cursor_of(ONE) == 1


def test_prices_wait_for_a_period_and_then_go_together(
    publish: Any, listener: OutputStreamListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = []

    def spied(market_id: str, **options: Any) -> int | None:
        alone.append(market_id)
        return persist_market(market_id, **options)

    monkeypatch.setattr(listener_module, "persist_market", spied)
    monkeypatch.setattr(listener_module, "PRICE_PERIOD_SECONDS", 0.05)
    for market_id in (ONE, OTHER):
        publish(market_id, price(1))
    listener.start()
    wait_until(lambda: cursor_of(ONE) == cursor_of(OTHER) == 1, "the first prices, at once")
    assert sorted(alone) == [ONE, OTHER]
    for ticks in (2, 3, 4):
        publish(ONE, price(ticks))
        publish(OTHER, price(ticks))
    wait_until(lambda: cursor_of(ONE) == cursor_of(OTHER) == 4, "the others")
    assert sorted(alone) == [ONE, OTHER]


@pytest.mark.parametrize("what", ["an event", "a command", "stale"])
def test_a_change_takes_the_prices_before_it_along_at_once(
    publish: Any, listener: OutputStreamListener, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(listener_module, "PRICE_PERIOD_SECONDS", NEVER_S)
    publish(ONE, price(1))
    listener.start()
    wait_until(lambda: cursor_of(ONE) == 1, "the first price")
    publish(ONE, price(2))
    match what:
        case "an event":
            change = MarketStateChanged(
                state=MarketState.HALTED,
                previous_state=MarketState.ACTIVE,
                reason=StateReason.OPERATOR,
            )
            publish(ONE, change)
        case "a command":
            publish(ONE, command_id=5)
        case "stale":
            publish(ONE, price(3, stale=True))
    wait_until(lambda: cursor_of(ONE) == 3, "all of it")


def test_several_writers_at_once_write_everything_once(publish: Any) -> None:
    """Whoever comes to a market that another has leaves it; nothing counts twice."""
    count = 60
    for ticks in range(1, count + 1):
        publish(ONE, price(ticks))
        publish(OTHER, price(ticks))
    failures = []

    def write(number: int) -> None:
        try:
            while (cursor_of(ONE), cursor_of(OTHER)) != (count, count):
                if number % 2:
                    persist_price_moves([ONE, OTHER])
                else:
                    persist_market(OTHER if number % 4 else ONE, up_to_seq=None)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_S)
    assert failures == []
    assert not any(writer.is_alive() for writer in writers)
    assert rows_of(ONE) == rows_of(OTHER)
    minutes = list(PriceCandle.objects.filter(market=ONE, interval_ms=60_000).order_by("start_ms"))
    assert [minutes[0].mark_open_ticks, minutes[-1].mark_close_ticks] == [1, count]
