"""① Who waits for an engine's decision hears it, whenever its entry comes, and nobody else's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import get_args

import pytest

from matching.messages.conditional_events import ConditionalAmended
from matching.messages.events import (
    CancelRejected,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OutputEntry,
)
from matching.messages.vocabulary import CancelReason, OrderStatus, OrderType, RejectCode, Side
from trading.http.answers.results import change_of_entry
from trading.intake import decisions as decisions_module
from trading.intake.decisions import Decision, Decisions


async def ready() -> None: ...


def entry(seq: int, *events: Event) -> OutputEntry:
    return OutputEntry(seq=seq, input_id="1-0", time_ms=1, command_id=0, events=events)


def accepted(order_id: int) -> OrderAccepted:
    return OrderAccepted(
        order_id=order_id,
        account_id=7,
        side=Side.LONG,
        price_ticks=10,
        size_lots=3,
        released_units=0,
    )


def cancelled(order_id: int, remaining_lots: int) -> OrderCancelled:
    return OrderCancelled(
        order_id=order_id,
        account_id=7,
        reason=CancelReason.USER,
        cancelled_lots=1,
        remaining_lots=remaining_lots,
        released_units=0,
    )


def rejected(order_id: int) -> OrderRejected:
    return OrderRejected(
        order_id=order_id, account_id=7, code=RejectCode.MARKET_STATE, released_units=0
    )


def run(scenario: Callable[[Decisions], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60):
            await scenario(Decisions(ready))

    asyncio.run(whole())


def test_an_entry_may_come_before_the_order_has_an_id_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decisions_module, "WITHIN_S", 0.01)

    async def scenario(decisions: Decisions) -> None:
        assert not decisions.are_wanted
        async with decisions.expecting():
            assert decisions.are_wanted
            decisions.hear(entry(1, accepted(1), rejected(2)))
            found = await decisions.of(Decision.PLACED, [1, 2])
            assert {order: one.seq for order, one in found.items()} == {1: 1, 2: 1}
        assert not decisions.are_wanted
        async with decisions.expecting():  # what nobody waited for is forgotten
            assert await decisions.of(Decision.PLACED, [1]) == {}

    run(scenario)


def test_each_waiter_hears_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions_module, "WITHIN_S", 0.2)

    async def scenario(decisions: Decisions) -> None:
        first = asyncio.create_task(decisions.of(Decision.PLACED, [1]))
        both = asyncio.create_task(decisions.of(Decision.PLACED, [1, 2]))
        broken = asyncio.create_task(decisions.of(Decision.PLACED, [1, 3]))
        await asyncio.sleep(0)
        broken.cancel()
        await asyncio.sleep(0)
        decisions.hear(entry(5, accepted(1)))
        assert set(await first) == {1}
        assert not both.done()
        decisions.hear(entry(6, accepted(4)))
        assert set(await both) == {1}  # in time came the first
        assert broken.cancelled()
        assert not decisions.are_wanted

    run(scenario)


def test_an_order_that_was_trimmed_is_not_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions_module, "WITHIN_S", 60)

    async def scenario(decisions: Decisions) -> None:
        waiting = asyncio.create_task(decisions.of(Decision.CANCELLED, [1, 2]))
        await asyncio.sleep(0)
        decisions.hear(entry(1, accepted(1), cancelled(1, remaining_lots=2)))
        refused = CancelRejected(order_id=2, account_id=7, code=RejectCode.UNKNOWN_ORDER)
        decisions.hear(entry(2, refused))
        decisions.hear(entry(3, cancelled(1, remaining_lots=0)))
        found = await waiting
        assert {order: one.seq for order, one in found.items()} == {1: 3, 2: 2}
        done, not_done = (change_of_entry(found[order], order) for order in (1, 2))
        assert (done.done, done.status, done.reason) == (True, "cancelled", "USER")
        assert (not_done.done, not_done.status) == (False, None)
        assert not_done.reason == RejectCode.UNKNOWN_ORDER

    run(scenario)


@pytest.mark.parametrize(("arrival", "status"), [(5, OrderStatus.WAITING), (0, OrderStatus.ASLEEP)])
def test_an_order_that_waits_is_amended_too(arrival: int, status: OrderStatus) -> None:
    """Its condition: the order itself isn't there yet, and nothing else says that it was done."""
    amended = ConditionalAmended(
        order_id=1,
        account_id=7,
        price_ticks=10,
        size_lots=3,
        trigger_price_ticks=9,
        callback_ppm=0,
        arrival=arrival,
        order_type=OrderType.LIMIT,
        of_whole_position=False,
    )

    async def scenario(decisions: Decisions) -> None:
        decisions.expect()
        decisions.hear(entry(4, amended))
        found = await decisions.of(Decision.AMENDED, [1])
        change = change_of_entry(found[1], 1)
        assert (change.done, change.status, change.reason, change.seq) == (True, status, None, 4)

    run(scenario)


def test_every_refusal_and_change_of_an_order_is_a_decision() -> None:
    """By their names, so that a kind of order that comes later is heard as well."""
    ends = ("Amended", "AmendRejected", "OrderAccepted", "OrderRejected", "OrderWaiting",
            "OrderCancelled", "CancelRejected")  # fmt: skip
    named = {kind for kind in get_args(Event) if kind.__name__.endswith(ends)}
    assert named == set(decisions_module._DECIDED_BY)


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions_module, "KEPT_MAX", 3)
    monkeypatch.setattr(decisions_module, "WITHIN_S", 0.01)

    async def scenario(decisions: Decisions) -> None:
        async with decisions.expecting():
            for order_id in range(1, 6):
                decisions.hear(entry(order_id, accepted(order_id)))
            assert set(await decisions.of(Decision.PLACED, range(1, 6))) == {3, 4, 5}

    run(scenario)


def test_streams_that_can_not_be_read_are_no_reason_not_to_place() -> None:
    async def unready() -> None:
        raise OSError("Redis is away")

    async def scenario() -> None:
        decisions = Decisions(unready)
        async with decisions.expecting():
            pass
        nobody = Decisions()
        assert await nobody.of(Decision.PLACED, [1]) == {}

    asyncio.run(scenario())
