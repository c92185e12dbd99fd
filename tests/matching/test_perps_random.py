"""Random traders through every kind of command: after each, all invariants, money to the last unit
and an engine restored from a snapshot that goes on with the same events.

A small share runs by default, ten times as much in `make proofs`. The long run, of the size the
exchange is judged by:

    PERPS_SEEDS=1000 PERPS_STEPS=2000 pytest -n 2 tests/matching/test_perps_random.py
"""

import os
import random
from collections import Counter
from typing import get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from matching.messages.commands import Command
from matching.messages.events import Event
from matching.messages.vocabulary import CancelReason, ExecutionType, RejectCode, StateReason
from tests.matching.perps_driver import SETTLED_AT_PERCENT, Undecodable, World, run, settle
from tests.matching.perps_traders import MAKERS, pass_time
from tests.proofs import share

SEEDS = int(os.environ.get("PERPS_SEEDS", share(10)))
FIRST_SEED = int(os.environ.get("PERPS_FIRST_SEED", "0"))
STEPS = int(os.environ.get("PERPS_STEPS", "400"))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_random_traders_break_nothing(seed: int) -> None:
    run(seed, STEPS)


# What no run shows, and why.
NEVER = {
    # Every position has equity when it is opened and a mark that is taken is followed by a pass, so
    # no two opposite positions are ever bankrupt at once and there is always somebody who can bear
    # a deleveraging. `test_who_pays` begins with such a pair.
    "MarketStateChanged INSURANCE_EXHAUSTED",
}
NEVER_REFUSED = {
    RejectCode.INSURANCE_EXHAUSTED,  # a settlement that nobody can pay for; likewise
    RejectCode.MARKET_FULL,  # takes all the money there is: see test_bounds
}


def test_random_traders_reach_every_corner() -> None:
    """The runs above are worth their name: every command is sent, and every event, code and reason
    of the contract happens in some of them."""
    inputs: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for seed in range(2_000, 2_040):
        world = run(seed, 500)
        inputs += world.inputs
        counts += world.counts
    every_input = {kind.__name__ for kind in (*get_args(Command), Undecodable)}
    assert set(inputs) == every_input
    told = {*counts, *(kind.partition(" ")[0] for kind in counts)}
    corners = {kind.__name__ for kind in get_args(Event)}
    corners |= {f"OrderCancelled {reason}" for reason in CancelReason}
    corners |= {f"MarketStateChanged {reason}" for reason in StateReason}
    # A settlement is no trade: its fills are PositionSettled.
    corners |= {f"Trade {execution}" for execution in {*ExecutionType} - {ExecutionType.SETTLE}}
    assert corners - told == NEVER
    codes = {kind.partition(" ")[2] for kind in counts if "Rejected " in kind}
    assert set(RejectCode) - codes == NEVER_REFUSED
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

    @rule(percent=st.sampled_from(SETTLED_AT_PERCENT))
    def settle_the_market(self, percent: int) -> None:
        if not self.world.engine.state.market_state.has_ended:
            settle(self.world, max(1, self.world.index_ticks * percent // 100))


Traders.TestCase.settings = settings(
    max_examples=share(30),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_any_traders = Traders.TestCase
