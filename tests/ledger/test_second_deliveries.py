"""A command that comes a second time: what it brought is not there twice, and what is recorded of
the first time stays. Refusals as the engine words them, with the money of each kind of command.
"""

from collections.abc import Callable

import pytest

from matching.messages import events
from matching.messages.vocabulary import RejectCode, Side
from tests.ledger.by_hand import hold_more, persist, wallet
from tests.ledger.prices import mark_price
from tests.ledger.test_conditional_orders import place_stop, triggered
from tests.ledger.world import DEPOSIT_UNITS, World
from trading.models import Order, OutboxCommand

BROUGHT = 7_000
HELD = 502_500  # by the order that is amended

Refusal = events.AmendRejected | events.MarginAdjustmentRejected


def amend_rejected(world: World, code: RejectCode) -> Refusal:
    return events.AmendRejected(
        order_id=world.orders["long"],
        account_id=world.alice.pk,
        code=code,
        released_units=BROUGHT,
    )


def margin_rejected(world: World, code: RejectCode) -> Refusal:
    return events.MarginAdjustmentRejected(
        account_id=world.alice.pk, code=code, released_units=BROUGHT
    )


REFUSALS = pytest.mark.parametrize("refusal", [amend_rejected, margin_rejected])
MakeRefusal = Callable[[World, RejectCode], Refusal]


def promise(world: World) -> int:
    """A command that brings `BROUGHT` of Alice's; its id."""
    world.place("long", world.alice, Side.LONG, 10, 1000, HELD)
    world.say(world.accepted("long"), world.rested("long", 10))
    hold_more(world.alice, BROUGHT)
    row = OutboxCommand.objects.create(
        market=world.market, command_type="AmendOrder", payload={"account_id": world.alice.pk}
    )
    return row.pk


def applied_seq(command_id: int) -> int | None:
    return OutboxCommand.objects.get(pk=command_id).applied_seq


@REFUSALS
@pytest.mark.parametrize("code", [RejectCode.TOO_OLD, RejectCode.UNKNOWN_ORDER])
def test_the_first_refusal_gives_back(world: World, refusal: MakeRefusal, code: RejectCode) -> None:
    """Also one that calls it too old, where the engine met it for the first time."""
    command_id = promise(world)
    world.say(refusal(world, code), command_id=command_id)
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS - HELD, HELD)
    assert applied_seq(command_id) == 2


@REFUSALS
@pytest.mark.parametrize("batches", [1, 2])
def test_a_second_refusal_gives_nothing_back(
    world: World, refusal: MakeRefusal, batches: int
) -> None:
    """In the batch of the first or in a later one."""
    command_id = promise(world)
    world.say(refusal(world, RejectCode.UNKNOWN_ORDER), command_id=command_id)
    if batches == 2:
        persist(world)
    world.say(refusal(world, RejectCode.TOO_OLD), command_id=command_id)
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS - HELD, HELD)
    assert Order.objects.get(pk=world.orders["long"]).held_units == HELD
    assert applied_seq(command_id) == 2


@REFUSALS
def test_the_refusal_of_one_command_is_not_taken_for_that_of_another(
    world: World, refusal: MakeRefusal
) -> None:
    """One that took effect, and beside it one that is refused as too old for the first time."""
    first = promise(world)
    world.say(command_id=first)
    persist(world)
    other = OutboxCommand.objects.create(
        market=world.market, command_type="AmendOrder", payload={"account_id": world.alice.pk}
    ).pk
    world.say(refusal(world, RejectCode.TOO_OLD), command_id=other)
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS - HELD, HELD)
    assert (applied_seq(first), applied_seq(other)) == (2, 3)


@pytest.mark.parametrize("batches", [1, 2])
def test_the_sequence_a_command_was_first_applied_at_stays(world: World, batches: int) -> None:
    command_id = promise(world)
    world.say(mark_price(1000, 1000), command_id=command_id)
    if batches == 2:
        persist(world)
    world.say(command_id=command_id)
    world.say(command_id=command_id)
    persist(world)
    assert applied_seq(command_id) == 2


@pytest.mark.parametrize("batches", [1, 2])
def test_a_hold_that_came_too_late_goes_back_once(world: World, batches: int) -> None:
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    held = Order.objects.get(pk=stop).held_units
    command = OutboxCommand.objects.get(command_type="ActivateOrder")

    def rejected(code: RejectCode) -> events.ActivationRejected:
        return events.ActivationRejected(
            order_id=stop, account_id=world.alice.pk, code=code, released_units=held
        )

    assert held > 0
    world.say(rejected(RejectCode.UNKNOWN_ORDER), command_id=command.pk)
    if batches == 2:
        persist(world)
    world.say(rejected(RejectCode.TOO_OLD), command_id=command.pk)
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS, 0)
    assert applied_seq(command.pk) == 3


def test_a_hold_never_seen_before_goes_back_also_if_it_is_called_too_old(world: World) -> None:
    stop = place_stop(world, world.alice, 4, 1000)
    world.say(mark_price(990, 990), triggered(stop, world.alice, 4, needs_hold=True))
    persist(world)
    command = OutboxCommand.objects.get(command_type="ActivateOrder")
    world.say(
        events.ActivationRejected(
            order_id=stop,
            account_id=world.alice.pk,
            code=RejectCode.TOO_OLD,
            released_units=Order.objects.get(pk=stop).held_units,
        ),
        command_id=command.pk,
    )
    persist(world)
    assert wallet(world.alice) == (DEPOSIT_UNITS, 0)
    assert Order.objects.get(pk=stop).held_units == 0
