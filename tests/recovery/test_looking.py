"""Looks at many markets: all by their marks, a few closely, and each that has another mark."""

from collections.abc import Collection
from typing import Any

import pytest
import redis

from matching.messages.streams import epoch_key, snapshots_key
from persistence.models import MarketCursor
from persistence.recovery import looking
from persistence.recovery.looking import Looks, Place
from persistence.recovery.starting_points import make_starting_point
from tests.ledger.world import make_market

MARKETS = [f"M{number}-PERP" for number in range(5)]


@pytest.fixture
def client(transactional_db: None, redis_db: redis.Redis) -> redis.Redis:
    for market_id in MARKETS:
        make_market(market_id)
        make_starting_point(market_id)
    return redis_db


@pytest.fixture
def closely(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which markets each look at them read closely."""
    seen: list[list[str]] = []
    real = looking.suspects

    def noting(client: redis.Redis, cursors: Collection[Place]) -> list[str]:
        seen.append(sorted(cursor.market_id for cursor in cursors))
        return real(client, cursors)

    monkeypatch.setattr(looking, "suspects", noting)
    monkeypatch.setattr(looking, "MARKETS_AT_ONCE", 2)
    return seen


def places() -> list[Place]:
    return [Place(*row) for row in MarketCursor.objects.order_by("pk").values_list(*Place._fields)]


def test_each_is_looked_at_closely_at_first_and_then_in_turn(
    client: redis.Redis, closely: list[list[str]]
) -> None:
    looks = Looks()
    for _ in range(4):
        assert looks.suspects(client, places()) == []
    assert closely == [MARKETS, MARKETS[:2], MARKETS[2:4], [MARKETS[0], MARKETS[4]]]


@pytest.mark.parametrize("loss", ["epoch", "another starting point"])
def test_another_epoch_is_looked_at_at_once(
    client: redis.Redis, closely: list[list[str]], loss: str
) -> None:
    looks = Looks()
    looks.suspects(client, places())
    last = MARKETS[-1]
    if loss == "epoch":
        client.delete(epoch_key(last))
        assert looks.suspects(client, places()) == [last]
        make_starting_point(last)
    else:
        make_starting_point(last, "asked for")
    assert looks.suspects(client, places()) == []
    assert all(last in seen for seen in closely)


def test_another_run_of_the_server_is_looked_at_at_once(
    client: redis.Redis, closely: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have come back with less, in the same epochs."""
    looks = Looks()
    looks.suspects(client, places())
    real = looking._run

    def other(client: redis.Redis) -> Any:
        return real(client), "another"

    monkeypatch.setattr(looking, "_run", other)
    assert looks.suspects(client, places()) == []
    assert closely == [MARKETS, MARKETS]


def test_one_that_lacks_its_snapshots_is_found_in_its_turn_and_stays_in_view(
    client: redis.Redis, closely: list[list[str]]
) -> None:
    looks = Looks()
    looks.suspects(client, places())
    client.delete(snapshots_key(MARKETS[3]))
    assert looks.suspects(client, places()) == []
    for _ in range(2):
        assert looks.suspects(client, places()) == [MARKETS[3]]
    make_starting_point(MARKETS[3])
    assert looks.suspects(client, places()) == []


def test_markets_that_are_anothers_by_now_are_forgotten(
    client: redis.Redis, closely: list[list[str]]
) -> None:
    looks = Looks()
    looks.suspects(client, places())
    looks.suspects(client, places()[:1])
    looks.suspects(client, places())
    assert closely == [MARKETS, MARKETS[:1], MARKETS]


def test_after_a_fault_all_are_looked_at(client: redis.Redis, closely: list[list[str]]) -> None:
    looks = Looks()
    looks.suspects(client, places())
    looks.forget()
    looks.suspects(client, places())
    assert closely == [MARKETS, MARKETS]
