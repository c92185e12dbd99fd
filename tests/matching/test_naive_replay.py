"""The naive replay follows the engine through everything random traders do, and notices a fill that
is not what price–time priority demands."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import msgspec
import pytest

from matching.messages.events import Event, OrderCancelled, OrderRested, PositionLiquidated, Trade
from tests.matching.naive_replay import Differs, NaiveReplay
from tests.matching.perps_driver import Input, Undecodable, World
from tests.matching.perps_traders import next_command, pass_time

STEPS = 500


@dataclass
class RecordedWorld(World):
    record: list[tuple[Input, tuple[Event, ...]]] = field(default_factory=list)

    def apply(self, command: Input) -> tuple[Event, ...]:
        events = super().apply(command)
        self.record.append((command, events))
        return events


Record = Sequence[tuple[Input, tuple[Event, ...]]]


@cache
def recorded(seed: int) -> Record:
    rng = random.Random(seed)
    world = RecordedWorld()
    world.open(rng)
    for _ in range(STEPS):
        pass_time(world, rng)
        world.apply(next_command(world, rng))
    return world.record


def follow(record: Record) -> NaiveReplay:
    naive = NaiveReplay()
    for command, events in record:
        naive.follow(None if isinstance(command, Undecodable) else command, events)
    return naive


@pytest.mark.parametrize("seed", range(7_000, 7_020))
def test_the_replay_follows_whatever_random_traders_do(seed: int) -> None:
    record = recorded(seed)
    trades = sum(isinstance(event, Trade) for _, events in record for event in events)
    assert follow(record).fills == trades


def altered(record: Record, alter: type[Event], how: str) -> Record | None:
    """One event of that kind somewhere in the second half, changed or left out."""
    for number in range(len(record) // 2, len(record)):
        command, events = record[number]
        for place, event in enumerate(events):
            if isinstance(event, alter) and _is_of_the_book(event):
                other = [_changed(event)] if how == "changed" else []
                changed = (*events[:place], *other, *events[place + 1 :])
                return [*record[:number], (command, changed), *record[number + 1 :]]
    return None


def _is_of_the_book(event: Event) -> bool:
    if isinstance(event, PositionLiquidated):
        return event.filled_lots > 0
    if isinstance(event, OrderCancelled):
        return event.reason == "SELF_TRADE"
    return not isinstance(event, Trade) or event.execution in ("TRADE", "LIQUIDATION")


def _changed(event: Event) -> Event:
    change = msgspec.structs.replace
    match event:
        case Trade():
            return change(event, maker=change(event.maker, order_id=event.maker.order_id + 1))
        case OrderRested():
            return change(event, remaining_lots=event.remaining_lots + 1)
        case PositionLiquidated():
            return change(event, left_lots=event.left_lots + 1)
        case OrderCancelled():
            return change(event, cancelled_lots=event.cancelled_lots + 1)
    raise AssertionError(event)


@pytest.mark.parametrize("how", ["changed", "left out"])
@pytest.mark.parametrize("kind", [Trade, OrderRested, PositionLiquidated, OrderCancelled])
def test_the_replay_notices_what_should_not_be(kind: type[Event], how: str) -> None:
    noticed = 0
    for seed in range(7_000, 7_008):
        record = altered(recorded(seed), kind, how)
        if record is None:
            continue
        with pytest.raises(Differs):
            follow(record)
        noticed += 1
    assert noticed >= 2
