"""⑤ Amended and attached conditional orders onto rows, worked by hand."""

import pytest

from matching.messages import conditional_events
from matching.messages.events import OrderCancelled
from matching.messages.vocabulary import CancelReason, OrderType, Side, TriggerBy, TriggerKind
from persistence.models import MarketCursor
from persistence.projection.batch import PoisonEntry
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from tests.ledger.by_hand import persist
from tests.ledger.test_conditional_orders import place_stop, triggered
from tests.ledger.world import World, make_order
from trading.models import Order


def test_an_amended_condition_is_the_order_s_and_the_rebuilt_engine_s(world):
    stop = place_stop(world, world.alice, 4, 1000, margin_units=8_000)
    told = conditional_events.ConditionalAmended(
        order_id=stop,
        account_id=world.alice.pk,
        price_ticks=990,
        size_lots=6,
        trigger_price_ticks=985,
        callback_ppm=0,
        arrival=9,
        order_type=OrderType.LIMIT,
        of_whole_position=False,
    )
    world.say(told)
    persist(world)
    order = Order.objects.get(pk=stop)
    assert (order.status, order.price_ticks, order.size_lots) == ("waiting", 990, 6)
    assert (order.trigger_price_ticks, order.margin_units, order.arrival) == (985, 12_000, 9)
    (row,) = engine_snapshot_of_rows(MarketCursor.objects.get()).waiting
    assert row.command.trigger is not None
    assert (row.arrival, row.command.size_lots, row.command.trigger.price_ticks) == (9, 6, 985)
    # Of an order that has fired there is no condition to change.
    world.say(triggered(stop, world.alice, 6, needs_hold=True), told)
    with pytest.raises(PoisonEntry, match="no condition to amend"):
        persist(world)


def place_attached(world: World) -> tuple[int, int]:
    """A stop-loss of 4 lots, told to sleep, and the entry it is attached to."""
    entry_id = make_order(world.alice, world.market, Side.LONG, 4, 1000, 0)
    order_id = make_order(world.alice, world.market, Side.SHORT, 4, 1, 0)
    Order.objects.filter(pk=order_id).update(
        reduce_only=True,
        trigger_kind=TriggerKind.STOP,
        trigger_by=TriggerBy.MARK,
        trigger_price_ticks=980,
        parent_id=entry_id,
    )
    world.say(
        conditional_events.OrderAttached(
            order_id=order_id, account_id=world.alice.pk, parent_id=entry_id, released_units=0
        )
    )
    return order_id, entry_id


def covers(world: World, order_id: int, lots: int, arrival: int) -> None:
    world.say(
        conditional_events.CoverChanged(
            order_id=order_id, account_id=world.alice.pk, covered_lots=lots, arrival=arrival
        )
    )


def test_an_attached_order_sleeps_wakes_and_sleeps_again(world):
    order_id, entry_id = place_attached(world)
    for lots, arrival, size in ((0, 0, 4), (3, 8, 3), (0, 0, 3), (4, 9, 4)):
        if arrival or size == 3:
            covers(world, order_id, lots, arrival)
        persist(world)
        order = Order.objects.get(pk=order_id)
        status = "waiting" if arrival else "asleep"
        assert (order.status, order.size_lots, order.arrival) == (status, size, arrival)
        (row,) = engine_snapshot_of_rows(MarketCursor.objects.get()).waiting
        assert (row.command.parent_id, row.command.size_lots) == (entry_id, size)
        assert (row.arrival, row.is_triggered) == (arrival, False)


def test_asleep_it_ends_with_its_entry(world):
    order_id, _ = place_attached(world)
    gone = OrderCancelled(
        order_id=order_id,
        account_id=world.alice.pk,
        reason=CancelReason.PARENT_ENDED,
        cancelled_lots=4,
        remaining_lots=0,
        released_units=0,
    )
    world.say(gone)
    persist(world)
    order = Order.objects.get(pk=order_id)
    assert (order.status, order.reason) == ("cancelled", "PARENT_ENDED")
    covers(world, order_id, 1, 5)
    with pytest.raises(PoisonEntry, match="covers nothing"):
        persist(world)
