"""⑤ Waiting, triggered and amended orders onto rows, worked by hand. See `world` for the market's
sizes: one lot at one tick is 500 units.
"""

from typing import Any

import pytest

from ledger.models import AccountKind, EntryKind
from matching.messages import events
from matching.messages.codec import decode_command
from matching.messages.commands import ActivateOrder
from matching.messages.streams import COMMAND_FIELD, input_stream
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    RejectCode,
    Side,
    TriggerBy,
    TriggerKind,
)
from persistence.models import MarketCursor
from persistence.projection.batch import PoisonEntry
from persistence.reading import persist_market
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from tests.ledger.by_hand import at, hold_more, journal, persist, wallet
from tests.ledger.prices import mark_price
from tests.ledger.world import (
    DEPOSIT_UNITS,
    NO_COMMAND,
    World,
    leg,
    make_order,
    position,
)
from trading.models import (
    Order,
    OutboxCommand,
    Position,
)


def place_stop(world: World, user, size: int, price: int, **changes) -> int:
    """A conditional order as the API inserts it, already told to wait: entry n."""
    order_id = make_order(user, world.market, Side.LONG, size, price, 0)
    world.orders["stop"] = order_id
    values = {
        "reduce_only": False,
        "trigger_kind": TriggerKind.STOP,
        "trigger_by": TriggerBy.MARK,
        "trigger_price_ticks": price,
        "taker_fee_ppm": 500,
    }
    Order.objects.filter(pk=order_id).update(**{**values, **changes})
    world.say(
        events.OrderWaiting(order_id=order_id, account_id=user.pk, arrival=7, released_units=0)
    )
    return order_id


def triggered(order_id: int, user, size: int, needs_hold: bool, price=0) -> events.OrderTriggered:
    return events.OrderTriggered(
        order_id=order_id,
        account_id=user.pk,
        reference_ticks=1000,
        size_lots=size,
        needs_hold=needs_hold,
        price_ticks=price,
    )


def promised(world: World) -> list[Any]:
    entries: Any = world.redis_db.xrange(input_stream(world.market_id))
    sent = [fields[COMMAND_FIELD] for _, fields in entries]
    return [decode_command(data) for data in sent if data != NO_COMMAND]


# 4 lots at 1,000 ticks, 10×: 50,000 margin and 250 fee a lot; the mark of 990 adds an open loss of
# 10 ticks, 5,000 a lot: 55,250 × 4.
STOP_HOLD = 221_000


def test_a_triggered_order_gets_its_hold_with_the_event(world):
    stop = place_stop(world, world.alice, 4, 1000)
    persist(world)
    waiting = Order.objects.get(pk=stop)
    assert (waiting.status, waiting.arrival, waiting.held_units) == ("waiting", 7, 0)
    (row,) = engine_snapshot_of_rows(MarketCursor.objects.get()).waiting
    assert (row.command.order_id, row.arrival, row.is_triggered) == (stop, 7, False)

    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    world.say(mark_price(1500, 1500))  # later, and of no concern to it
    persist(world)
    order = Order.objects.get(pk=stop)
    assert (order.status, order.hold_units, order.held_units) == ("waiting", STOP_HOLD, STOP_HOLD)
    assert order.triggered_at == at(2)
    assert wallet(world.alice) == (DEPOSIT_UNITS - STOP_HOLD, STOP_HOLD)
    assert journal(2) == [
        (EntryKind.ORDER_HOLD, stop, AccountKind.AVAILABLE, world.alice.pk, -STOP_HOLD),
        (EntryKind.ORDER_HOLD, stop, AccountKind.HELD, world.alice.pk, STOP_HOLD),
    ]
    command = OutboxCommand.objects.get(command_type="ActivateOrder")
    assert promised(world) == [
        ActivateOrder(
            command_id=command.pk, order_id=stop, account_id=world.alice.pk, hold_units=STOP_HOLD
        )
    ]
    (row,) = engine_snapshot_of_rows(MarketCursor.objects.get()).waiting
    assert (row.is_triggered, row.command.hold_units) == (True, 0)


def test_a_market_order_holds_for_the_limit_it_fired_with(world):
    """980 when it was placed, 999 by the mark of 990: margin 49,950, open loss 4,500, fee 250."""
    stop = place_stop(world, world.alice, 4, 980)
    Order.objects.filter(pk=stop).update(order_type="market", max_slippage_ppm=10_000)
    fired = triggered(stop, world.alice, 4, needs_hold=True, price=999)
    world.say(mark_price(990, 990), fired)
    persist(world)
    order = Order.objects.get(pk=stop)
    assert (order.price_ticks, order.held_units) == (999, 4 * (49_950 + 4_500 + 250))
    (row,) = engine_snapshot_of_rows(MarketCursor.objects.get()).waiting
    trigger = row.command.trigger
    assert trigger is not None
    assert (row.command.price_ticks, trigger.max_slippage_ppm) == (999, 10_000)


def test_the_mark_of_an_earlier_batch_serves_as_well(world):
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990))
    persist(world)
    world.say(triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    assert Order.objects.get(pk=stop).held_units == STOP_HOLD


def test_an_activated_order_is_open_and_gives_back_what_is_over(world):
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    command = OutboxCommand.objects.get()
    world.say(world.accepted("stop"), world.rested("stop", 4, 20_000), command_id=command.pk)
    persist(world)
    order = Order.objects.get(pk=stop)
    assert (order.status, order.held_units) == ("open", STOP_HOLD - 20_000)
    command.refresh_from_db()
    assert command.applied_seq == 3
    assert wallet(world.alice) == (DEPOSIT_UNITS - STOP_HOLD + 20_000, STOP_HOLD - 20_000)


def test_a_triggered_order_may_be_refused_by_the_book_it_meets(world):
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    world.say(world.rejected("stop", STOP_HOLD))
    persist(world)
    assert Order.objects.get(pk=stop).status == "rejected"
    assert wallet(world.alice) == (DEPOSIT_UNITS, 0)


@pytest.mark.parametrize(
    ("spare_units", "hold_units"), [(0, STOP_HOLD), (-1, 0)], ids=["just", "not quite"]
)
def test_a_hold_is_given_to_the_last_unit_or_not_at_all(world, spare_units, hold_units):
    stop = place_stop(world, world.alice, 4, 1000)
    rest = DEPOSIT_UNITS - STOP_HOLD - spare_units
    make_order(world.alice, world.market, Side.LONG, 1, 1000, rest)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    (command,) = promised(world)
    assert command.hold_units == hold_units
    assert wallet(world.alice)[1] == rest + hold_units
    assert Order.objects.get(pk=stop).held_units == hold_units


def test_two_triggered_orders_share_one_wallet_in_their_order(world):
    first = place_stop(world, world.alice, 4, 1000)
    second = place_stop(world, world.alice, 4, 1000)
    rest = DEPOSIT_UNITS - STOP_HOLD - 100
    make_order(world.alice, world.market, Side.LONG, 1, 1000, rest)
    world.say(
        mark_price(990, 990),
        triggered(first, world.alice, 4, needs_hold=True),
        triggered(second, world.alice, 4, needs_hold=True),
    )
    persist(world)
    assert [(c.order_id, c.hold_units) for c in promised(world)] == [
        (first, STOP_HOLD),
        (second, 0),
    ]
    assert wallet(world.alice) == (100, rest + STOP_HOLD)


def test_money_that_comes_back_in_the_same_batch_can_be_held(world):
    stop = place_stop(world, world.alice, 4, 1000)
    world.place("rest", world.alice, Side.LONG, 1, 1000, DEPOSIT_UNITS)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    world.say(world.rejected("rest", DEPOSIT_UNITS))
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS - STOP_HOLD, STOP_HOLD)


@pytest.mark.parametrize(
    ("reason", "status"), [(CancelReason.USER, "cancelled"), (CancelReason.EXPIRED, "expired")]
)
def test_a_hold_that_comes_too_late_goes_back(world, reason, status):
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    world.say(world.cancelled("stop", 4, 0, 0, reason))
    persist(world)
    order = Order.objects.get(pk=stop)
    assert (order.status, order.held_units) == (status, STOP_HOLD)
    refused = events.ActivationRejected(
        order_id=stop,
        account_id=world.alice.pk,
        code=RejectCode.UNKNOWN_ORDER,
        released_units=STOP_HOLD,
    )
    command = OutboxCommand.objects.get()
    world.say(refused, command_id=command.pk)
    persist(world)
    assert Order.objects.get(pk=stop).held_units == 0
    assert wallet(world.alice) == (DEPOSIT_UNITS, 0)
    assert journal(4) == [
        (EntryKind.HOLD_RELEASE, stop, AccountKind.HELD, world.alice.pk, -STOP_HOLD),
        (EntryKind.HOLD_RELEASE, stop, AccountKind.AVAILABLE, world.alice.pk, STOP_HOLD),
    ]
    # Delivered again when the engine has long forgotten it: the money does not come twice.
    again = events.ActivationRejected(
        order_id=stop,
        account_id=world.alice.pk,
        code=RejectCode.TOO_OLD,
        released_units=STOP_HOLD,
    )
    world.say(again, command_id=command.pk)
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS, 0)


def test_an_order_that_ended_in_the_same_batch_asks_for_nothing(world):
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    world.say(world.cancelled("stop", 4, 0, 0, CancelReason.USER))
    persist(world)
    assert promised(world) == []
    assert wallet(world.alice) == (DEPOSIT_UNITS, 0)


def test_a_closing_order_takes_its_size_when_it_fires(world):
    # Alice is short 9 lots from 1,000 ticks, Carol long.
    for user, lots in ((world.alice, -9), (world.carol, 9)):
        Position.objects.create(
            user=user,
            market=world.market,
            position_lots=lots,
            entry_cost_units=500_000 * lots,
            margin_units=0,
            seq=0,
            updated_at=at(0),
        )
    stop = place_stop(world, world.alice, 4, 1000, reduce_only=True, close_position=True)
    maker = world.place("maker", world.bob, Side.SHORT, 9, 1000, 452_250)
    world.say(world.accepted("maker"), world.rested("maker", 9))
    world.say(
        triggered(stop, world.alice, 9, needs_hold=False),
        world.accepted("stop"),
        events.Trade(
            trade_id=1,
            execution=ExecutionType.TRADE,
            price_ticks=1000,
            size_lots=9,
            taker_side=Side.LONG,
            taker=leg(stop, world.alice.pk, 0, 0, 0, 0, 0),
            maker=leg(maker, world.bob.pk, 0, 452_250, 450_000, 0, -900),
        ),
        position(world.alice.pk, 0, 0, 0),
        position(world.bob.pk, -9, -4_500_000, 450_000),
    )
    persist(world)
    order = Order.objects.get(pk=stop)
    assert (order.status, order.size_lots, order.filled_lots) == ("filled", 9, 9)
    assert promised(world) == []
    # The maker's rebate of 900 comes on top of what its hold had over.
    assert wallet(world.bob) == (DEPOSIT_UNITS - 450_000 + 900, 0)


def amended(world: World, **changes) -> events.OrderAmended:
    values = {
        "order_id": world.orders["long"],
        "account_id": world.alice.pk,
        "price_ticks": 1000,
        "kept_priority": False,
        "brought_units": 0,
        "released_units": 0,
    }
    return events.OrderAmended(**{**values, **changes})


def test_an_amended_order_has_new_terms_and_what_the_amendment_brought(world):
    # Ten lots hold 502,500; three are cancelled, two filled, and the five left become eight at
    # 1,100 ticks: 55,275 a lot, 442,200; they hold 251,250 and bring 200,000, of which 9,050 is
    # over. Ten in all are as many as 1,007 were named for.
    long = world.place("long", world.alice, Side.LONG, 10, 1000, 502_500)
    short = world.place("short", world.bob, Side.SHORT, 2, 1000, 100_500)
    Order.objects.filter(pk=long).update(margin_units=1_007)  # 100 named per lot
    world.say(world.accepted("long"), world.rested("long", 10))
    world.say(world.cancelled("long", 3, 7, 150_750, CancelReason.REDUCE_ONLY))
    world.say(
        world.accepted("short"),
        events.Trade(
            trade_id=1,
            execution=ExecutionType.TRADE,
            price_ticks=1000,
            size_lots=2,
            taker_side=Side.SHORT,
            taker=leg(short, world.bob.pk, 0, 100_500, 100_000, 0, 500),
            maker=leg(long, world.alice.pk, 5, 100_500, 100_000, 0, 200),
        ),
        position(world.alice.pk, 2, 1_000_000, 100_000),
        position(world.bob.pk, -2, -1_000_000, 100_000),
    )
    persist(world)
    hold_more(world.alice, 200_000)
    world.say(
        amended(
            world,
            price_ticks=1100,
            size_lots=10,
            remaining_lots=8,
            brought_units=200_000,
            released_units=9_050,
        )
    )
    persist(world)
    order = Order.objects.get(pk=long)
    assert (order.price_ticks, order.size_lots, order.filled_lots) == (1100, 10, 2)
    assert (order.cancelled_lots, order.remaining_lots, order.margin_units) == (0, 8, 1_007)
    assert (order.held_units, order.hold_units) == (442_200, 702_500)
    assert wallet(world.alice) == (DEPOSIT_UNITS - 442_200 - 100_000 - 200, 442_200)
    assert journal(4) == [
        (EntryKind.HOLD_RELEASE, long, AccountKind.HELD, world.alice.pk, -9_050),
        (EntryKind.HOLD_RELEASE, long, AccountKind.AVAILABLE, world.alice.pk, 9_050),
    ]


def test_a_smaller_order_keeps_what_its_lots_hold(world):
    long = world.place("long", world.alice, Side.LONG, 10, 1000, 502_500)
    world.say(world.accepted("long"), world.rested("long", 10))
    world.say(
        amended(world, size_lots=4, remaining_lots=4, kept_priority=True, released_units=301_500)
    )
    persist(world)
    order = Order.objects.get(pk=long)
    assert (order.size_lots, order.held_units, order.status) == (4, 201_000, "open")


def test_a_refused_amendment_and_a_refused_margin_give_back_what_they_brought(world):
    long = world.place("long", world.alice, Side.LONG, 10, 1000, 502_500)
    world.say(world.accepted("long"), world.rested("long", 10))
    hold_more(world.alice, 5_000)
    world.say(
        events.AmendRejected(
            order_id=long,
            account_id=world.alice.pk,
            code=RejectCode.INVALID_SIZE,
            released_units=5_000,
        )
    )
    hold_more(world.bob, 700)
    world.say(
        events.MarginAdjustmentRejected(
            account_id=world.bob.pk, code=RejectCode.NO_POSITION, released_units=700
        )
    )
    persist(world)
    assert Order.objects.get(pk=long).held_units == 502_500
    assert wallet(world.alice) == (DEPOSIT_UNITS - 502_500, 502_500)
    assert wallet(world.bob) == (DEPOSIT_UNITS, 0)


POISON = {
    "triggered twice": "is waiting and can't be triggered",
    "accepted before it fired": "is waiting and can't be accepted",
}


@pytest.mark.parametrize("case", POISON)
def test_contradictions_of_a_waiting_order_are_poison(world, case):
    stop = place_stop(world, world.alice, 4, 1000)
    if case == "triggered twice":
        fired = triggered(stop, world.alice, 4, needs_hold=False)
        world.say(fired, fired)
    else:
        world.say(world.accepted("stop"))
    world.publish()
    with pytest.raises(PoisonEntry, match=POISON[case]):
        persist_market(world.market_id)
