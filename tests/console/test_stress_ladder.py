"""The ladder of named traders, worked out by hand. One tick times one lot is 1,000 units; Alice is
long 10 lots from 1,000 with a margin of 500,000 and bankrupt below 950; Bob is short.
"""

from typing import Any

import msgspec
import pytest

from console.stress.ladder import (
    DEFAULT_STEPS_PPM,
    Deleveraged,
    LadderRefused,
    Liquidated,
    digest_of,
    run_ladder,
    run_step,
)
from matching.core.market import snapshot
from matching.messages.snapshot import EngineSnapshot, encode_body
from matching.messages.vocabulary import MarketState
from tests.matching.actors import Exchange, opens


def fund_runs_dry(**rules: Any) -> EngineSnapshot:
    exchange = Exchange(insurance=20_000, **rules)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(4, at=945)
    carol.buys(6, at=930)
    return snapshot.take(exchange.engine.state, "1-1")


# At 940 her equity is 500,000 − 600,000. Four lots at 945 lose 220,000 of their 200,000 of margin:
# the fund pays its last 20,000. Six at 930 nobody could pay: they go against Bob, at 950.
ALICE = Liquidated(
    account_id=1,
    position_lots=10,
    equity_units=-100_000,
    filled_lots=4,
    book_cost_units=4 * 945_000,
    deleveraged_lots=6,
    adl_cost_units=6 * 950_000,
    insurance_paid_units=20_000,
)
BOB = Deleveraged(account_id=2, lots=6, cost_units=6 * 950_000, realized_pnl_units=300_000)


def test_liquidated_paid_for_and_deleveraged() -> None:
    step = run_step(fund_runs_dry(), -60_000)
    assert (step.index_ticks, step.mark_ticks, step.halts) == (940, 940, [])
    assert (step.liquidated, step.deleveraged) == ([ALICE], [BOB])
    assert (step.insurance_before_units, step.insurance_paid_units) == (20_000, 20_000)
    assert (step.insurance_after_units, step.bad_debt_units) == (0, 0)
    # Carol took four lots over from Alice; Bob is left short of them.
    assert (step.open_interest_before_lots, step.open_interest_after_lots) == (10, 4)


def test_small_steps_hurt_nobody() -> None:
    for step in run_ladder(fund_runs_dry(), [-10_000, 10_000]).steps:
        assert (step.liquidated, step.deleveraged, step.insurance_paid_units) == ([], [], 0)
        assert step.open_interest_after_lots == 10
        assert step.insurance_after_units == 20_000


def test_breaker_halts_and_what_waits_behind_it_is_told() -> None:
    step = run_step(fund_runs_dry(circuit_breaker_ppm=50_000), -60_000)
    assert step.halts == ["CIRCUIT_BREAKER"]
    assert (step.mark_ticks, step.liquidated, step.deleveraged) == (940, [ALICE], [BOB])


def test_same_snapshot_same_bytes_and_the_snapshot_is_as_it_was() -> None:
    taken = fund_runs_dry()
    before = encode_body(taken)
    first = run_ladder(taken, DEFAULT_STEPS_PPM)
    assert encode_body(taken) == before
    again = run_ladder(fund_runs_dry(), DEFAULT_STEPS_PPM)
    assert digest_of({"BTC-PERP": first}) == digest_of({"BTC-PERP": again})
    other = run_ladder(taken, DEFAULT_STEPS_PPM[:-1])
    assert digest_of({"BTC-PERP": first}) != digest_of({"BTC-PERP": other})
    # Each step begins afresh: its place in the ladder is nothing to it.
    assert run_ladder(taken, DEFAULT_STEPS_PPM[::-1]).steps == first.steps[::-1]


@pytest.mark.parametrize("state", [MarketState.HALTED, MarketState.PRE_OPEN, MarketState.SETTLED])
def test_market_that_takes_no_price_is_refused(state: MarketState) -> None:
    taken = msgspec.structs.replace(fund_runs_dry(), market_state=state)
    with pytest.raises(LadderRefused, match=str(state)):
        run_ladder(taken, [-10_000])


def test_market_without_a_price_is_refused() -> None:
    taken = snapshot.take(Exchange(mark=0).engine.state, "1-1")
    with pytest.raises(LadderRefused, match="no price"):
        run_ladder(taken, [-10_000])
