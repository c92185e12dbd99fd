"""Steps of algos, with the time told: when and how much a TWAP sends, what it makes of outages,
pauses and refusals, how algos end, and that a step happens whole or not at all.

The market is marked at 25,000. What engines would do to orders is written to their rows here; with
a real engine see `tests/flow/test_algos.py`.
"""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import OperationalError, transaction

from accounts.models import User
from common.http.bodies import to_struct
from ledger.models import Wallet
from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import MarketState, OrderStatus
from tests.feeds.conftest import database_url
from tests.flow.committed import committed
from tests.flow.exchange import wait_for
from tests.patience import PATIENCE_S
from tests.trading.client import Trader, sent_commands, set_ticker
from tests.trading.test_algos import SCALED, TWAP
from trading.algos import runner, services
from trading.algos.models import Algo, AlgoSlice, AlgoState
from trading.algos.request import NewAlgo
from trading.algos.runner import run_due_algos
from trading.models import Order
from trading.orders.place import place_together

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def start(trader: Trader, terms: dict[str, Any], **fields: Any) -> Algo:
    new = to_struct(terms | fields, NewAlgo)
    return services.start_algo(trader.user.pk, new, START).algo


def fill(*numbers: int, lots: int | None = None) -> None:
    """The orders of these slices end: whole, or with so many lots filled."""
    orders = Order.objects.filter(pk__in=slices_of(*numbers).values("order_id"))
    for order in orders:
        order.filled_lots = order.size_lots if lots is None else lots
        order.cancelled_lots = order.size_lots - order.filled_lots
        order.filled_cost_units = order.filled_lots * 25_000_000
        order.status = OrderStatus.EXPIRED if order.cancelled_lots else OrderStatus.FILLED
        order.held_units = 0
        order.save()


def slices_of(*numbers: int) -> Any:
    return AlgoSlice.objects.filter(number__in=numbers)


def sent() -> list[int]:
    return list(AlgoSlice.objects.order_by("number").values_list("size_lots", flat=True))


def test_a_twap_sends_a_part_each_interval_and_is_done_when_filled(trader: Trader) -> None:
    algo = start(trader, TWAP)
    assert sent() == [300]
    fill(1)
    run_due_algos(at(14))
    assert sent() == [300]
    for number, seconds in ((2, 15), (3, 30), (4, 45)):
        run_due_algos(at(seconds))
        run_due_algos(at(seconds))
        assert sent() == [300] * number
        fill(number)
    run_due_algos(at(50))
    algo.refresh_from_db()
    assert (algo.state, algo.reason, algo.next_at) == ("done", "FILLED", None)
    assert (algo.filled_lots, algo.filled_cost_units) == (1_200, 30_000_000_000)
    orders = Order.objects.order_by("pk")
    assert [o.client_order_id for o in orders] == [f"algo-{algo.pk}-{n}" for n in (1, 2, 3, 4)]
    assert {(o.order_type, o.time_in_force, o.max_slippage_ppm > 0) for o in orders} == {
        ("market", "IOC", True)
    }


def test_with_a_limit_its_slices_are_immediate_orders_at_it(trader: Trader) -> None:
    start(trader, TWAP, price="25010", reduceOnly=False)
    (order,) = Order.objects.all()
    assert (order.order_type, order.time_in_force, order.price_ticks) == ("limit", "IOC", 250_100)


def test_what_a_slice_didnt_fill_is_spread_over_the_rest(trader: Trader) -> None:
    start(trader, TWAP)
    fill(1, lots=0)
    run_due_algos(at(15))
    assert sent() == [300, 400]
    fill(2, lots=100)
    run_due_algos(at(30))
    assert sent() == [300, 400, 550]


def test_what_is_on_its_way_isnt_sent_again(trader: Trader) -> None:
    start(trader, TWAP)
    run_due_algos(at(15))
    run_due_algos(at(30))
    run_due_algos(at(45))
    assert sent() == [300] * 4
    run_due_algos(at(500))
    assert Algo.objects.get().state == "running"
    fill(1, 2, 3, 4, lots=200)
    run_due_algos(at(505))
    algo = Algo.objects.get()
    assert (algo.state, algo.reason, algo.filled_lots) == ("done", "TIME_IS_UP", 800)


def test_an_outage_is_spread_over_what_is_left_of_the_time(trader: Trader) -> None:
    """Ten slices of 120; slots 2 to 6 are missed, and what they had is shared by the other four."""
    start(trader, TWAP, durationS=150)
    fill(1)
    run_due_algos(at(15 * 6 + 7))
    assert sent() == [120, 270]
    fill(2)
    run_due_algos(at(15 * 7 - 1))
    assert sent() == [120, 270]
    run_due_algos(at(15 * 7))
    assert sent() == [120, 270, 270]


def test_one_that_comes_back_at_the_end_doesnt_send_all_at_once(trader: Trader) -> None:
    start(trader, TWAP, durationS=150)
    fill(1)
    run_due_algos(at(149))
    assert sent() == [120, 360]
    fill(2)
    run_due_algos(at(155))
    algo = Algo.objects.get()
    assert (algo.state, algo.reason, algo.filled_lots) == ("done", "TIME_IS_UP", 480)


def test_one_that_comes_back_after_its_end_sends_nothing(trader: Trader) -> None:
    start(trader, TWAP)
    fill(1)
    run_due_algos(at(3_600))
    algo = Algo.objects.get()
    assert (sent(), algo.state, algo.reason) == ([300], "done", "TIME_IS_UP")


def test_paused_it_sends_nothing_and_ends_later_by_as_long(trader: Trader) -> None:
    algo = start(trader, TWAP)
    fill(1)
    services.pause_algo(trader.user.pk, algo.pk, at(10))
    run_due_algos(at(1_000))
    assert sent() == [300]
    services.resume_algo(trader.user.pk, algo.pk, at(1_010))
    run_due_algos(at(1_014))
    assert sent() == [300]
    run_due_algos(at(1_015))
    assert sent() == [300, 300]


def test_three_refusals_in_a_row_fail_it(trader: Trader, redis_db: redis.Redis) -> None:
    start(trader, TWAP, durationS=150)
    fill(1)
    too_low: dict[str, Any] = {"mark_price_ticks": 1_000}  # slices are worth less than an order may
    set_ticker(redis_db, **too_low)
    run_due_algos(at(15))
    run_due_algos(at(30))
    set_ticker(redis_db)
    run_due_algos(at(45))  # one that goes in between
    fill(4)
    set_ticker(redis_db, **too_low)
    for seconds in (60, 75):
        run_due_algos(at(seconds))
        assert Algo.objects.get().state == "running"
    run_due_algos(at(90))
    algo = Algo.objects.get()
    assert (algo.state, algo.reason) == ("failed", "MIN_NOTIONAL")
    assert algo.reason_words == slices_of(7).get().words != ""
    refused = AlgoSlice.objects.filter(order=None)
    assert set(refused.values_list("number", "code")) == {
        (number, "MIN_NOTIONAL") for number in (2, 3, 5, 6, 7)
    }
    # What the refused had was carried on: 1,080 over the seven slots left.
    assert slices_of(4).get().size_lots == 155


def test_a_market_that_is_closed_for_a_while_only_costs_its_slots(
    trader: Trader, redis_db: redis.Redis
) -> None:
    start(trader, TWAP, durationS=150)
    Order.objects.update(status=OrderStatus.REJECTED, reason="MARKET_STATE", held_units=0)
    set_ticker(redis_db, state=MarketState.HALTED)
    for number in range(1, 9):
        run_due_algos(at(15 * number))
    algo = Algo.objects.get()
    assert (algo.state, algo.reason, algo.refusals) == ("running", "MARKET_NOT_OPEN", 0)
    set_ticker(redis_db)
    run_due_algos(at(15 * 9))
    assert slices_of(10).get().size_lots == 360  # not all of the 1,200


def test_refusals_of_the_engine_count_too(trader: Trader) -> None:
    start(trader, TWAP, durationS=150)
    for number in (1, 2, 3):
        Order.objects.filter(client_order_id__endswith=f"-{number}").update(
            status=OrderStatus.REJECTED, reason="MAX_OPEN_INTEREST", held_units=0
        )
        run_due_algos(at(15 * number))
    algo = Algo.objects.get()
    assert (algo.state, algo.reason) == ("failed", "MAX_OPEN_INTEREST")
    assert len(sent()) == 3


def test_who_is_suspended_sends_nothing_any_more(trader: Trader) -> None:
    start(trader, TWAP)
    fill(1)
    User.objects.filter(pk=trader.user.pk).update(is_active=False)
    run_due_algos(at(15))
    algo = Algo.objects.get()
    assert (algo.state, algo.reason, sent()) == ("failed", "ACCOUNT_SUSPENDED", [300])


def test_a_scaled_is_done_when_its_orders_are(trader: Trader) -> None:
    start(trader, SCALED)
    fill(1, 2)
    run_due_algos(at(5))
    algo = Algo.objects.get()
    assert (algo.state, algo.filled_lots, len(sent())) == ("running", 500, 4)
    fill(3, 4, lots=100)
    run_due_algos(at(10))
    algo.refresh_from_db()
    assert (algo.state, algo.reason, algo.filled_lots) == ("done", "SLICES_ENDED", 700)
    assert run_due_algos(at(99)) == 0


def test_what_fills_after_it_was_cancelled_is_booked(trader: Trader) -> None:
    algo = start(trader, SCALED)
    services.cancel_algo(trader.user.pk, algo.pk, at(1))
    fill(1, 2, 3, 4, lots=50)
    run_due_algos(at(6))
    algo.refresh_from_db()
    assert (algo.state, algo.filled_lots, algo.next_at) == (AlgoState.CANCELLED, 200, None)


def test_a_fault_undoes_its_step_alone_and_the_next_run_takes_it(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor, good = start(trader, TWAP), start(trader, TWAP)
    fill(1)
    place = place_together

    def fail_for_one(orders: Any) -> Any:
        results = place(orders)
        of_poor = orders[0][1].client_order_id.startswith(f"algo-{poor.pk}-")
        return [OperationalError("lock timeout")] if of_poor else results

    before = Wallet.objects.get(user=trader.user).held_units
    with monkeypatch.context() as patch:
        patch.setattr(runner, "place_together", fail_for_one)
        run_due_algos(at(15))
    assert [algo.slices.count() for algo in (poor, good)] == [1, 2]
    assert Order.objects.count() == 3
    run_due_algos(at(16))
    assert [algo.slices.count() for algo in (poor, good)] == [2, 2]
    newest = list(Order.objects.order_by("-pk")[:2])
    held = Wallet.objects.get(user=trader.user).held_units - before
    assert held == sum(order.hold_units for order in newest)


DIES_AFTER_PLACING = f"""
import os, signal
import django
django.setup()
from datetime import timedelta
from trading.algos import runner
from trading.models import Order
from trading.orders.place import place_together

def place_and_die(orders, place=runner.place_together):
    place(orders)
    assert Order.objects.count() == 2
    os.kill(os.getpid(), {int(signal.SIGKILL)})

runner.place_together = place_and_die
from datetime import datetime
runner.run_due_algos(datetime.fromisoformat("{at(15).isoformat()}"))
"""


def test_one_that_is_killed_after_placing_never_sends_a_slice_twice(
    trader: Trader, redis_db: redis.Redis
) -> None:
    start(trader, TWAP)
    fill(1)
    held = Wallet.objects.get(user=trader.user).held_units
    environment = {
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "exchange_site.settings",
    }
    killed = subprocess.run(
        [sys.executable, "-c", DIES_AFTER_PLACING],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (Order.objects.count(), sent()) == (1, [300])
    assert Wallet.objects.get(user=trader.user).held_units == held

    def is_sent() -> bool:
        """Postgres may hold the dead one's locks for a moment."""
        run_due_algos(at(16))
        return AlgoSlice.objects.count() == 2

    wait_for(is_sent, "the second slice")
    run_due_algos(at(17))
    assert sent() == [300, 300]
    commands = [c.order_id for c in sent_commands(redis_db) if isinstance(c, PlaceOrder)]
    assert sorted(commands) == sorted(Order.objects.values_list("pk", flat=True))


def test_a_row_that_is_locked_is_left_to_who_has_it(trader: Trader) -> None:
    algo = start(trader, TWAP)
    fill(1)
    with transaction.atomic():
        Algo.objects.select_for_update().get(pk=algo.pk)
        committed(run_due_algos, at(15))
    assert sent() == [300]
    committed(run_due_algos, at(15))
    assert sent() == [300, 300]
