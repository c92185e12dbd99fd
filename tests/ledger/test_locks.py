"""Locks and their order, at a real Postgres: whoever needs several wallets takes them by their ids,
so that nobody who does the same can hold one that we wait for while waiting for ours.

The wallet with the lowest id is held elsewhere. Whoever takes wallets in order stands in front of
it with no other locked, whatever the order in which rows lie on disk or an entry names them.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from ledger.models import Wallet
from matching.messages.vocabulary import Side
from persistence.reading import persist_market
from tests.ledger.prices import mark_price
from tests.ledger.test_conditional_orders import place_stop, triggered
from tests.ledger.test_perpetual_events import open_positions
from tests.ledger.world import World
from tests.trading.client import make_market, make_trader, set_ticker
from tests.trading.test_together import new_order
from trading.orders.place import place_together

DEADLINE_S = 60


def wallet_ids() -> list[int]:
    return list(Wallet.objects.order_by("pk").values_list("pk", flat=True))


def put_lowest_last_on_disk() -> None:
    """A scan of the table meets it last."""
    for user_id in reversed(wallet_ids()):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ledger_wallet SET held_units = held_units WHERE user_id = %s", [user_id]
            )


@contextmanager
def another_connection() -> Iterator[psycopg.Connection]:
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], dbname=settings["NAME"],
        user=settings["USER"], password=settings["PASSWORD"],
    ) as other:  # fmt: skip
        yield other


def free_wallets(other: psycopg.Connection) -> list[int]:
    """Those that nobody has locked."""
    rows = other.execute(
        "SELECT user_id FROM ledger_wallet ORDER BY user_id FOR NO KEY UPDATE SKIP LOCKED"
    ).fetchall()
    other.rollback()
    return [user_id for (user_id,) in rows]


def _somebody_waits(other: psycopg.Connection) -> bool:
    row = other.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    other.rollback()
    assert row is not None
    return bool(row[0])


def assert_locks_in_order(call: Callable[[], object], expected_free: list[int]) -> None:
    """While the lowest wallet is held elsewhere, the call waits with none of these locked."""
    lowest = wallet_ids()[0]
    failed: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  shown below
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with another_connection() as holder, another_connection() as looker:
        holder.execute("SELECT 1 FROM ledger_wallet WHERE user_id = %s FOR UPDATE", [lowest])
        thread.start()
        deadline = time.monotonic() + DEADLINE_S
        while not _somebody_waits(looker):
            assert thread.is_alive(), failed or "it did not need the wallet"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        free = free_wallets(looker)
        holder.rollback()
    thread.join(DEADLINE_S)
    assert not failed, failed
    assert free == expected_free


def test_a_batch_of_a_worker(world: World) -> None:
    open_positions(world)
    world.publish()
    put_lowest_last_on_disk()
    alice, bob, carol = wallet_ids()
    assert alice == world.alice.pk
    assert_locks_in_order(lambda: persist_market(world.market_id), [bob, carol])


def test_a_batch_that_grants_holds(world: World) -> None:
    """It needs Carol's wallet for the hold and, later, those of the trade in the same batch."""
    stop = place_stop(world, world.carol, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.carol, 4, needs_hold=True))
    world.place("refused", world.alice, Side.SHORT, 3, 1000, 150_750)
    world.say(world.rejected("refused", 150_750))
    world.publish()
    put_lowest_last_on_disk()
    _, bob, carol = wallet_ids()
    assert_locks_in_order(lambda: persist_market(world.market_id), [bob, carol])


def test_orders_placed_together(transactional_db: None, redis_db) -> None:
    make_market()
    set_ticker(redis_db)
    traders = [make_trader() for _ in range(3)]
    put_lowest_last_on_disk()
    _, second, third = wallet_ids()
    orders = [(trader.user.pk, new_order(qty="0.01", margin="50")) for trader in traders[::-1]]
    results: list[object] = []
    assert_locks_in_order(lambda: results.extend(place_together(orders)), [second, third])
    assert len(results) == 3
    assert not any(isinstance(result, Exception) for result in results), results
