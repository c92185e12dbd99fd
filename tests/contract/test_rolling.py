"""A rolling upgrade, and the way back, while orders come: two real trees on one schema, this one's.

The older release is that of `release.py`. It knows no icebergs, no algos and no leases of markets.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from common.redis_client import redis_client
from common.sharing.versions import parts_present
from markets.rules import forget_markets
from matching.messages.vocabulary import OrderStatus
from persistence.models import DeadLetter, MarketCursor, PersistenceFault
from persistence.reconciliation import run_reconciliation
from tests.builders.plain_orders import plain_orders
from tests.contract.release import COMMIT
from tests.contract.trees import NEW, Load, RollingExchange, unpacked
from tests.flow.demo import make_demo_markets
from tests.flow.exchange import MARK_TICKS, MARKET, wait_for
from trading.models import LIVE_STATUSES, Fill, Order

pytestmark = pytest.mark.drill  # some twelve processes, one after another


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return unpacked(COMMIT, tmp_path / "old")


@pytest.fixture
def exchange(
    old: Path, tmp_path: Path, transactional_db: None, redis_db: redis.Redis
) -> Iterator[RollingExchange]:
    """All of it of the older release, on a database that this one has migrated. Its orders are not
    in partitions yet: an older release takes none there."""
    with plain_orders():
        forget_markets()  # a test before may have looked at other rows
        make_demo_markets()
        (tmp_path / "logs").mkdir()
        running = RollingExchange(tmp_path / "logs", LIMITS="0")
        try:
            running.start_worker("old-worker", old)
            running.start_engine_named("old-engine", old)
            running.start_api_named("old-api", old)
            wait_for(lambda: running.ticker()["state"] == "ACTIVE", "an open market")
            running.set_mark(MARKET, MARK_TICKS, "50000")
            yield running
        finally:
            running.stop()


def test_an_upgrade_and_the_way_back_lose_nothing(exchange: RollingExchange, old: Path) -> None:
    load = Load(exchange)
    with load.sent():
        load.goes_on()  # the older release alone
        exchange.start_worker("new-worker", NEW)
        load.goes_on()
        exchange.end("old-worker")
        load.goes_on()
        exchange.start_engine_named("new-engine", NEW)  # beside the older one: the same bytes
        exchange.wait_for_engine("new-engine")
        load.goes_on()
        exchange.end("old-engine")
        load.goes_on()
        exchange.start_api_named("new-api", NEW)
        load.goes_on()
        exchange.end("old-api")
        load.goes_on()
        assert {part.kind for part in parts_present(redis_client())} == {"worker", "engine", "api"}
        _use_what_is_new(exchange)
        exchange.start_api_named("old-api", old)  # and back
        load.goes_on()
        exchange.end("new-api")
        exchange.end("new-engine")  # keeps a snapshot, which the older one goes on from
        exchange.start_engine_named("old-engine", old)
        exchange.wait_for_engine("old-engine")
        load.goes_on()
        exchange.start_worker("old-worker", old)
        load.goes_on()
        exchange.end("new-worker")
        load.goes_on()
    assert load.refused == []
    _lost_and_doubled_nothing(load)


def _use_what_is_new(exchange: RollingExchange) -> None:
    """An order with a term that the older release doesn't know; over before it is there again."""
    trader = exchange.trader()
    iceberg = trader.place("SHORT", "0.1", "51000", visibleQty="0.03")
    trader.wait_until(iceberg, "open")
    assert trader.send("DELETE", f"/order/{iceberg}").status_code == 202
    trader.wait_until(iceberg, "cancelled")


def _lost_and_doubled_nothing(load: Load) -> None:
    users = [trader.user_id for trader in load.traders]
    orders = Order.objects.filter(user_id__in=users)
    wait_for(lambda: not orders.filter(status__in=LIVE_STATUSES).exists(), "all orders to end")
    stood = dict(orders.values_list("pk", "status"))
    assert sorted(stood) == sorted(load.met + load.cancelled)
    assert {stood[pk] for pk in load.met} == {OrderStatus.FILLED}
    assert {stood[pk] for pk in load.cancelled} == {OrderStatus.CANCELLED}
    # Each order that met filled once: two sides a trade, of 0.01 each.
    assert Fill.objects.filter(order_id__in=load.met).count() == len(load.met)
    assert not PersistenceFault.objects.exists()
    assert not DeadLetter.objects.exists()
    assert MarketCursor.objects.get(pk=MARKET).seq > len(stood)
    _, reconciled = run_reconciliation()
    assert {one.not_compared for one in reconciled.comparisons} == {""}
    assert reconciled.difference_count == 0, reconciled.differences
