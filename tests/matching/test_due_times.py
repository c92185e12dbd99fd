"""What an engine says is due, and that a moved clock brings it about: nothing else is needed."""

from matching.messages.events import FundingSettled, MarkPriceChanged, OrderCancelled
from matching.messages.vocabulary import MarketState
from tests.matching.actors import HOUR_MS, START_MS, Exchange, every, only, stop_at

MINUTE_MS = 60_000


def test_nothing_is_due_in_a_market_without_a_price() -> None:
    assert Exchange(mark=0).engine.next_due_ms == 0


def test_the_index_goes_stale_once() -> None:
    exchange = Exchange(index_stale_ms=10_000)
    assert exchange.engine.next_due_ms == START_MS + 10_001
    exchange.passes(10_000)
    assert exchange.ticks() == ()
    exchange.passes(1)
    assert only(MarkPriceChanged, exchange.ticks()).index_stale
    # Funding waits for an index, so nothing is due until there is one.
    assert exchange.engine.next_due_ms == 0
    assert exchange.ticks() == ()


def test_funding_is_due_while_there_is_an_index() -> None:
    exchange = Exchange(funding_interval_ms=MINUTE_MS)
    assert exchange.engine.next_due_ms == START_MS + MINUTE_MS
    exchange.passes(MINUTE_MS)
    only(FundingSettled, exchange.ticks())
    assert exchange.engine.next_due_ms == START_MS + 2 * MINUTE_MS
    exchange.enter(MarketState.HALTED)
    assert exchange.engine.next_due_ms == START_MS + HOUR_MS + 1  # the index, and nothing before


def test_orders_and_countdowns_by_the_earliest_that_still_counts() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    at = exchange.now_ms
    first = alice.buys(1, at=990, expires_ms=at + 1_000)
    waits = alice.buys(1, at=1_030, trigger=stop_at(1_020), expires_ms=at + 2_000)
    fired = alice.buys(1, at=1_030, trigger=stop_at(1_010), expires_ms=at + 3_000)
    alice.counts_down(4_000)
    exchange.mark(1_010)
    exchange.restarts()
    assert exchange.engine.next_due_ms == at + 1_000
    alice.cancels(first)
    assert exchange.engine.next_due_ms == at + 2_000
    for order, due_ms in ((waits, 2_000), (fired, 3_000)):
        exchange.now_ms = at + due_ms
        (gone,) = every(OrderCancelled, exchange.ticks())
        assert (gone.order_id, str(gone.reason)) == (order.order_id, "EXPIRED")
    assert exchange.engine.next_due_ms == at + 4_000
    alice.counts_down(5_000)
    assert exchange.engine.next_due_ms == exchange.now_ms + 5_000
    alice.counts_down(0)
    assert exchange.engine.next_due_ms == at + HOUR_MS + 1


def test_a_clock_that_was_moved_already_changes_nothing() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    alice.buys(1, at=990, expires_ms=exchange.now_ms + 1_000)
    exchange.passes(1_000)
    assert len(exchange.ticks()) == 1
    assert exchange.ticks() == ()
