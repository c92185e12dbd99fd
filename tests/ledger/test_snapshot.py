"""An account at one moment, and which. (GET /user/snapshot is asked by the client's tests.)"""

import threading
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from persistence.models import MarketCursor
from persistence.reading import persist_market
from persistence.snapshots import reading
from persistence.snapshots.reading import AccountSnapshot, snapshot_of
from tests.ledger.session import write_session
from tests.ledger.world import World
from trading.models import LIVE_STATUSES, Order, Position
from trading.positions.equity import Holdings, holdings_of_user


def begun(world: World) -> None:
    write_session(world)
    world.publish()


def told(snapshot: AccountSnapshot) -> dict[str, Any]:
    return {
        "seqs": snapshot.seqs,
        "holdings": snapshot.holdings,
        "positions": [(one.user_id, one.position_lots) for one in snapshot.positions],
        "orders": [(one.pk, one.status, one.filled_lots) for one in snapshot.orders],
    }


def rows(user: User) -> dict[str, Any]:
    positions = Position.objects.filter(user=user).exclude(position_lots=0)
    orders = Order.objects.filter(user=user, status__in=LIVE_STATUSES).order_by("id")
    return {
        "seqs": dict(MarketCursor.objects.values_list("market_id", "seq")),
        "holdings": holdings_of_user(user.pk),
        "positions": list(positions.values_list("user_id", "position_lots")),
        "orders": list(orders.values_list("pk", "status", "filled_lots")),
    }


def test_it_is_what_is_persisted(world: World) -> None:
    begun(world)
    users = (world.alice, world.bob, world.carol)
    assert [told(snapshot_of(user.pk)) for user in users] == [rows(user) for user in users]
    persist_market(world.market_id)
    after = [told(snapshot_of(user.pk)) for user in users]
    assert after == [rows(user) for user in users]
    assert all(one["positions"] and one["seqs"][world.market_id] for one in after)


def test_what_is_persisted_meanwhile_is_in_none_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(world)
    before = told(snapshot_of(world.alice.pk))

    def persist() -> None:
        persist_market(world.market_id)
        connection.close()  # the thread's own

    def persisting(user_id: int) -> Holdings:
        thread = threading.Thread(target=persist)
        thread.start()
        thread.join()
        return holdings_of_user(user_id)

    monkeypatch.setattr(reading, "holdings_of_user", persisting)
    assert told(snapshot_of(world.alice.pk)) == before
    monkeypatch.undo()
    assert told(snapshot_of(world.alice.pk)) != before
