"""Worlds where nothing is wrong: nothing must be found."""

import threading
import time

import pytest
import redis

from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import epoch_key, output_stream, snapshots_key
from matching.runtime.replay import state_at
from persistence.models import MarketCursor
from persistence.reading import persist_market
from persistence.reconciliation import reconcile
from persistence.recovery.starting_points import make_starting_point
from tests.patience import PATIENCE_S
from tests.reconcile.session import (
    MARKETS,
    ORDERS_LEFT_OPEN,
    Session,
    engine_running,
    make_session,
)
from trading.commands.publisher import publish_command


def compared(result) -> dict[str, str]:
    return {c.market_id: c.not_compared for c in result.comparisons}


def test_an_exchange_without_markets_and_traders(transactional_db, redis_db):
    result = reconcile()
    assert (result.difference_count, result.differences, result.comparisons) == (0, [], [])
    assert result.figures["wallets"] == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_trading_session(transactional_db, redis_db, seed):
    make_session(redis_db, seed=seed, orders=60, snapshot_every=50)
    result = reconcile()
    assert result.differences == []
    assert result.difference_count == 0
    assert compared(result) == {"BTC-PERP": "", "ETH-PERP": ""}
    assert result.figures["orders"] == 120 + ORDERS_LEFT_OPEN
    assert result.figures["net_deposits_units"] == 5_000_000_000_000
    inside = sum(
        result.figures[f"{name}_units"]
        for name in ("available", "held", "margin", "fees", "insurance")
    )
    assert inside - result.figures["entry_cost_units"] == 5_000_000_000_000


def test_one_market_only(session):
    result = reconcile("ETH-PERP")
    assert result.differences == []
    assert compared(result) == {"ETH-PERP": ""}


def test_an_engine_ahead_of_the_rows_is_compared_at_their_sequence(session):
    with engine_running():
        for market_id in MARKETS:
            publish_command(market_id, UpdateIndexPrice(index_price_ticks=260_000))
        for market_id in MARKETS:
            ahead_of(session, market_id, MarketCursor.objects.get(pk=market_id).seq)
    result = reconcile()
    assert result.differences == []
    assert compared(result) == {"BTC-PERP": "", "ETH-PERP": ""}


def ahead_of(client: redis.Redis, market_id: str, seq: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not client.xrange(output_stream(market_id), min=f"({seq}-0"):
        assert time.monotonic() < deadline, f"the engine never went past {seq}"
        time.sleep(0.02)


def test_while_orders_are_placed_and_persisted(transactional_db, redis_db):
    """Each run sees one instant: nothing in motion looks like a difference."""
    world = Session(redis_db, seed=3)
    done = threading.Event()
    found = []

    def run_again_and_again() -> None:
        from django.db import connection

        try:
            while not done.is_set():
                found.append(reconcile())
        finally:
            connection.close()

    with engine_running(snapshot_every=20):
        world.open()
        world.settle()
        runs = threading.Thread(target=run_again_and_again)
        runs.start()
        try:
            world.trade(60)
        finally:
            done.set()
            runs.join()
    assert len(found) > 2
    assert [d for result in found for d in result.differences] == []
    assert sum(not c.not_compared for result in found for c in result.comparisons) > 2


def test_after_redis_was_lost_and_the_starting_point_made(session):
    session.flushdb()
    lost = reconcile()
    assert lost.differences == []
    assert compared(lost)["BTC-PERP"] == "Redis knows nothing of the market"
    for market_id in MARKETS:
        make_starting_point(market_id)
    result = reconcile()
    assert result.differences == []
    assert compared(result) == {"BTC-PERP": "", "ETH-PERP": ""}
    with engine_running():
        for market_id in MARKETS:
            publish_command(market_id, UpdateIndexPrice(index_price_ticks=250_100))
            persist_until(market_id, MarketCursor.objects.get(pk=market_id).seq + 1)
    assert reconcile().differences == []


def persist_until(market_id: str, seq: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (persist_market(market_id) or 0) < seq:  # by then funding may have been due, too
        assert time.monotonic() < deadline, f"{market_id} never reached {seq}"
        time.sleep(0.02)


def test_what_can_not_be_replayed_is_no_difference_but_is_said(session: redis.Redis):
    session.delete(snapshots_key("BTC-PERP"))
    result = reconcile()
    assert result.differences == []
    assert compared(result) == {
        "BTC-PERP": "Redis has no usable snapshot of the market",
        "ETH-PERP": "",
    }


def test_a_starting_point_made_meanwhile(session: redis.Redis, monkeypatch):
    from persistence.reconciliation import engine

    def replay_while_the_epoch_changes(client, market_id, seq):
        state = state_at(client, market_id, seq)
        client.set(epoch_key(market_id), "another")
        return state

    monkeypatch.setattr(engine, "state_at", replay_while_the_epoch_changes)
    result = reconcile()
    assert result.differences == []
    assert set(compared(result).values()) == {"a new starting point was made meanwhile"}
