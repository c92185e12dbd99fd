"""What a stress run starts from: the market as it stands, however old its snapshot is."""

import pytest

from common.redis_client import redis_client
from console.stress import snapshots
from console.stress.snapshots import newest_snapshot
from matching.messages.streams import trimmed_key
from matching.runtime.replay import state_at
from tests.recovery.exchange import MARKET, Exchange, exchange

__all__ = ["exchange"]


@pytest.fixture
def ran(exchange: Exchange) -> Exchange:
    """Traded on, behind the newest snapshot."""
    engine = exchange.start(snapshot_every=20)
    exchange.trade(12)
    exchange.settle()
    engine.stop()
    exchange.start(snapshot_every=1_000)
    exchange.trade(6)
    exchange.settle()
    assert max(exchange.snapshots()) < exchange.published_seq()
    return exchange


def test_it_is_of_now(ran: Exchange) -> None:
    found = newest_snapshot(MARKET)
    assert found.snapshot.seq >= ran.published_seq() > max(ran.snapshots())
    assert found.snapshot == state_at(redis_client(), MARKET, found.snapshot.seq)
    assert found.note == ""


def test_no_further_than_so_many_commands(ran: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "COMMANDS_MAX", 3)
    assert newest_snapshot(MARKET).snapshot.seq == max(ran.snapshots()) + 3


def test_without_what_came_after_it_is_of_its_snapshot(ran: Exchange) -> None:
    redis_client().set(trimmed_key(MARKET), "9999999999999-0")
    found = newest_snapshot(MARKET)
    assert found.snapshot.seq == max(ran.snapshots())
    assert "stored no more" in found.note
