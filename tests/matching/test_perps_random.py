"""Random traders through every kind of command: after each, all invariants, money to the last unit
and an engine restored from a snapshot that goes on with the same events.

A small share runs by default. The long run, of the size the exchange is judged by:

    PERPS_SEEDS=1000 PERPS_STEPS=2000 pytest -n 2 tests/matching/test_perps_random.py
"""

import os
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.matching.perps_driver import World, run, settle
from tests.matching.perps_traders import MAKERS, pass_time

SEEDS = int(os.environ.get("PERPS_SEEDS", "30"))
FIRST_SEED = int(os.environ.get("PERPS_FIRST_SEED", "0"))
STEPS = int(os.environ.get("PERPS_STEPS", "400"))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_random_traders_break_nothing(seed: int) -> None:
    run(seed, STEPS)


def test_random_traders_reach_every_corner() -> None:
    """The runs above are worth their name: whatever can happen does happen in some of them."""
    counts: Counter[str] = Counter()
    for seed in range(2_000, 2_040):
        counts += run(seed, 500).counts
    corners = {
        "Trade TRADE", "Trade LIQUIDATION", "Trade ADL", "FundingSettled", "PositionLiquidated",
        "PositionSettled", "MarginAdjusted", "InsuranceFunded", "CountdownSet", "OrderAmended",
        "OrderTriggered", "OrderWaiting", "OrderRested", "MarketStateChanged CIRCUIT_BREAKER",
        "MarketStateChanged OPERATOR", "OrderCancelled COUNTDOWN", "OrderCancelled EXPIRED",
        "OrderCancelled FOK_UNFILLED", "OrderCancelled LIQUIDATION",
        "OrderCancelled POSITION_CLOSED", "OrderCancelled POST_ONLY_WOULD_TAKE",
        "OrderCancelled PRICE_BAND", "OrderCancelled REDUCE_ONLY", "OrderCancelled SELF_TRADE",
        "OrderCancelled SETTLEMENT", "OrderCancelled UNAFFORDABLE", "OrderCancelled USER",
        "OrderRejected INSUFFICIENT_HOLD", "OrderRejected INSUFFICIENT_MARGIN",
        "OrderRejected MAX_POSITION", "OrderRejected TRIGGER_ALREADY_TRUE",
        "OrderRejected INVALID_EXPIRY", "OrderRejected MAX_OPEN_ORDERS",
        "OrderRejected MAX_OPEN_INTEREST", "ActivationRejected UNKNOWN_ORDER",
        "MarginAdjustmentRejected NO_POSITION", "MarginAdjustmentRejected INDEX_STALE",
        "MarginAdjustmentRejected INSUFFICIENT_MARGIN", "AmendRejected INSUFFICIENT_HOLD",
        "AmendRejected NOTHING_TO_AMEND", "AmendRejected NOT_ORDER_OWNER",
        "CommandRejected STALE_CONFIG", "CommandRejected INVALID_CONFIG",
        "CommandRejected INVALID_TRANSITION",
    }  # fmt: skip
    assert corners <= set(counts), corners - set(counts)
    assert counts["Trade TRADE"] > 1_000


class Traders(RuleBasedStateMachine):
    """The same traders, led by hypothesis, which looks for the shortest way to break something."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(rng=st.randoms(use_true_random=False))
    def open(self, rng: random.Random) -> None:
        self.world.open(rng)

    @rule(
        make=st.sampled_from([make for make, _ in MAKERS]),
        rng=st.randoms(use_true_random=False),
        times=st.integers(1, 5),
    )
    def trade(self, make: object, rng: random.Random, times: int) -> None:
        assert callable(make)
        for _ in range(times):
            pass_time(self.world, rng)
            command = make(self.world, rng)
            for due in [*([command] if command else []), *self.world.due]:
                self.world.apply(due)
            self.world.due.clear()

    @rule()
    def restart(self) -> None:
        self.world.restart_twin()

    @rule()
    def settle_the_market(self) -> None:
        if self.world.engine.state.market_state != "SETTLED":
            settle(self.world)


Traders.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_any_traders = Traders.TestCase
