"""A seeded flow of order messages, from a still market to a flash crash.

Theory of operation. Orders arrive around a wandering mid price, at distances that follow a power
law: most near the best price, some very far (what has been measured on many exchanges). 15 of 100
orders are immediate (IOC) and priced to cross; the others rest. Of those 20 of 100 are amended and
95 of 100 cancelled, each after a random number of further messages, as far as they are not filled
by then. The same scenario and seed give the same messages on every machine.
"""

import heapq
import random
from collections.abc import Iterator
from typing import NamedTuple

PLACE, IMMEDIATE, AMEND, CANCEL = range(4)

IMMEDIATE_SHARE = 0.15
AMENDED_SHARE = 0.20
CANCELLED_SHARE = 0.95
START_TICKS = 100_000
DEPTH_EXPONENT = 1.2
FARTHEST_TICKS = 20_000


class Message(NamedTuple):
    """price_ticks and size_lots of an amendment are the new ones; of a cancel they mean nothing."""

    kind: int
    order_id: int
    is_long: bool
    price_ticks: int
    size_lots: int


class Scenario(NamedTuple):
    """step_ticks     size of one step of the mid price
    step_share     of the messages that move the mid
    lifetime       mean number of messages an order lives
    depth_ticks    scale of the distance of resting orders from the mid
    crash_share    how far the mid falls, and comes back, in the middle fifth of the flow
    """

    name: str
    step_ticks: int
    step_share: float
    lifetime: int
    depth_ticks: int
    crash_share: float = 0.0


SCENARIOS = (
    Scenario("still", 0, 0.0, 40_000, 250),
    Scenario("calm", 1, 0.02, 40_000, 250),
    Scenario("busy", 2, 0.10, 40_000, 250),
    Scenario("trending", 2, 0.20, 40_000, 250),
    Scenario("flash crash", 3, 0.10, 40_000, 250, 0.15),
)


class _Mid:
    """The mid price after each message."""

    def __init__(self, scenario: Scenario, count: int, rng: random.Random) -> None:
        self._scenario = scenario
        self._rng = rng
        self._wander = float(START_TICKS)
        self._crash_begin, self._crash_end = count * 2 // 5, count * 3 // 5

    def at(self, number: int) -> int:
        scenario, rng = self._scenario, self._rng
        if rng.random() < scenario.step_share:
            drift = 0.55 if scenario.name == "trending" else 0.5
            self._wander += scenario.step_ticks * (1 if rng.random() < drift else -1)
        fallen = 0.0
        if scenario.crash_share and self._crash_begin <= number < self._crash_end:
            length = self._crash_end - self._crash_begin
            at = (number - self._crash_begin) / length
            # Down within a tenth of the time, back in the rest.
            fallen = scenario.crash_share * (at / 0.1 if at < 0.1 else (1 - at) / 0.9)
        return max(FARTHEST_TICKS + 1, round(self._wander * (1 - fallen)))


def messages(scenario: Scenario, count: int, seed: int) -> Iterator[Message]:
    rng = random.Random(f"{scenario.name} {seed}")
    mid = _Mid(scenario, count, rng)
    due: list[tuple[int, int, Message]] = []  # (when, order, what): amendments and cancels
    order_id = 0
    for number in range(count):
        middle = mid.at(number)
        if due and due[0][0] <= number:
            _, _, message = heapq.heappop(due)
            if message.kind == AMEND:
                message = _amended(message, middle, scenario, rng)
            yield message
            continue
        order_id += 1
        is_long = rng.random() < 0.5
        size = 1 + int(rng.paretovariate(1.2)) % 500
        if rng.random() < IMMEDIATE_SHARE:
            reach = scenario.depth_ticks
            price = middle + reach if is_long else middle - reach
            yield Message(IMMEDIATE, order_id, is_long, price, size * 2)
            continue
        price = _resting_price(is_long, middle, scenario, rng)
        yield Message(PLACE, order_id, is_long, price, size)
        if rng.random() < AMENDED_SHARE:
            after = number + 1 + int(rng.expovariate(2 / scenario.lifetime))
            heapq.heappush(due, (after, order_id, Message(AMEND, order_id, is_long, price, size)))
        if rng.random() < CANCELLED_SHARE:
            after = number + 1 + int(rng.expovariate(1 / scenario.lifetime))
            heapq.heappush(due, (after, order_id, Message(CANCEL, order_id, is_long, price, size)))


def _resting_price(is_long: bool, middle: int, scenario: Scenario, rng: random.Random) -> int:
    distance = scenario.depth_ticks * (rng.paretovariate(DEPTH_EXPONENT) - 1)
    away = 1 + min(FARTHEST_TICKS, int(distance))
    return middle - away if is_long else middle + away


def _amended(message: Message, middle: int, scenario: Scenario, rng: random.Random) -> Message:
    """Half of them want fewer lots at the same price, the others a new price."""
    if rng.random() < 0.5:
        return message._replace(size_lots=max(1, message.size_lots // 2))
    price = _resting_price(message.is_long, middle, scenario, rng)
    return message._replace(price_ticks=price)
