"""The ladder of named traders, worked out by hand. One tick times one lot is 1,000 units; Alice is
long 10 lots from 1,000 with a margin of 500,000 and bankrupt below 950; Bob is short.
"""

from typing import Any

import msgspec
import pytest

from console.stress.findings import Deleveraged, Ladder, Liquidated, Step, digest_of, largest
from console.stress.ladder import (
    DEFAULT_MOVES_PPM,
    LadderRefused,
    away_steps,
    ladder_steps,
    moved,
    path_steps,
)
from matching.core.market import snapshot
from matching.messages.limits import MAX_PRICE_TICKS
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


def one_step(taken: EngineSnapshot, move_ppm: int) -> Step:
    (step,) = ladder_steps(taken, [move_ppm])
    return step


def ladder_of(taken: EngineSnapshot, *moves_ppm: int) -> Ladder:
    steps = list(ladder_steps(taken, moves_ppm))
    return Ladder(seq=taken.seq, clock_ms=taken.clock_ms, is_away=False, note="", steps=steps)


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
    step = one_step(fund_runs_dry(), -60_000)
    assert (step.before.mark_ticks, step.before.index_ticks) == (1_000, 1_000)
    assert (step.after.index_ticks, step.after.mark_ticks, step.halts) == (940, 940, [])
    assert (step.liquidated, step.deleveraged) == ([ALICE], [BOB])
    assert (step.liquidated_accounts, step.deleveraged_accounts) == (1, 1)
    assert (step.before.insurance_units, step.insurance_paid_units) == (20_000, 20_000)
    assert (step.after.insurance_units, step.bad_debt_units, step.short_accounts) == (0, 0, 0)
    # Carol took four lots over from Alice; Bob is left short of them.
    assert (step.before.open_interest_lots, step.after.open_interest_lots) == (10, 4)


def test_small_moves_hurt_nobody() -> None:
    for step in ladder_steps(fund_runs_dry(), [-10_000, 10_000]):
        assert (step.liquidated, step.deleveraged, step.insurance_paid_units) == ([], [], 0)
        assert (step.after.open_interest_lots, step.after.insurance_units) == (10, 20_000)


def test_breaker_halts_and_what_waits_behind_it_is_told() -> None:
    step = one_step(fund_runs_dry(circuit_breaker_ppm=50_000), -60_000)
    assert (step.halts, step.after.state) == (["CIRCUIT_BREAKER"], "ACTIVE")
    assert (step.after.mark_ticks, step.liquidated, step.deleveraged) == (940, [ALICE], [BOB])


def test_path_goes_on_from_where_the_move_before_ended() -> None:
    """The same place by two moves: she is closed by the second, and nobody is left at the third."""
    first, second, third = path_steps(fund_runs_dry(), [-10_000, -50_505, -10_000])
    assert (first.after.mark_ticks, first.liquidated) == (990, [])
    assert (second.before, second.after.mark_ticks) == (first.after, 940)
    assert (second.liquidated, second.deleveraged) == ([ALICE], [BOB])
    assert (third.before.insurance_units, third.after.mark_ticks) == (0, 931)
    assert (third.liquidated, third.deleveraged) == ([], [])


def test_breaker_trips_again_and_again_on_a_path() -> None:
    moves = [-60_000, 80_000, -60_000]
    steps = list(path_steps(fund_runs_dry(circuit_breaker_ppm=50_000), moves))
    assert [step.halts for step in steps] == [["CIRCUIT_BREAKER"]] * 3
    assert [step.after.mark_ticks for step in steps] == [940, 1_015, 954]


def test_while_a_price_is_away_nobody_is_judged_and_what_is_lacking_is_told() -> None:
    taken = fund_runs_dry()
    fallen, risen = away_steps(taken, [-60_000, 10_000])
    for step in (fallen, risen):
        assert (step.before.mark_ticks, step.after.mark_ticks) == (1_000, 1_000)
        assert (step.before.index_stale, step.after.index_stale) == (False, True)
        assert (step.liquidated, step.insurance_paid_units) == ([], 0)
    # At 940 she lacks 100,000, as the ladder has it; at 1,010 nobody does.
    assert (fallen.judged_ticks, fallen.short_accounts, fallen.bad_debt_units) == (940, 1, 100_000)
    assert (risen.judged_ticks, risen.short_accounts, risen.bad_debt_units) == (1_010, 0, 0)


def test_same_snapshot_same_bytes_and_the_snapshot_is_as_it_was() -> None:
    taken = fund_runs_dry()
    before = encode_body(taken)
    first = ladder_of(taken, *DEFAULT_MOVES_PPM)
    assert encode_body(taken) == before
    again = ladder_of(fund_runs_dry(), *DEFAULT_MOVES_PPM)
    assert digest_of({"BTC-PERP": first}) == digest_of({"BTC-PERP": again})
    other = ladder_of(taken, *DEFAULT_MOVES_PPM[:-1])
    assert digest_of({"BTC-PERP": first}) != digest_of({"BTC-PERP": other})
    # Each step begins afresh: its place in the ladder is nothing to it.
    assert ladder_of(taken, *DEFAULT_MOVES_PPM[::-1]).steps == first.steps[::-1]


def test_what_is_left_out_is_small_and_still_counted() -> None:
    rows = [Liquidated(account_id=n, position_lots=-n, equity_units=0) for n in (1, 3, 2)]
    step = one_step(fund_runs_dry(), 10_000)
    step.liquidated, step.liquidated_accounts = rows, 3
    short = largest(step, 2)
    assert [row.account_id for row in short.liquidated] == [3, 2]
    assert short.liquidated_accounts == 3


@pytest.mark.parametrize(
    ("price", "move_ppm", "expected"),
    [
        (1_000, -60_000, 940),
        (1, -999_999, 1),
        (1_001, 500, 1_002),
        (MAX_PRICE_TICKS, 1, MAX_PRICE_TICKS),
    ],
)
def test_price_that_is_moved_is_one(price: int, move_ppm: int, expected: int) -> None:
    assert moved(price, move_ppm) == expected


@pytest.mark.parametrize("state", [MarketState.HALTED, MarketState.PRE_OPEN, MarketState.SETTLED])
@pytest.mark.parametrize("steps", [ladder_steps, path_steps, away_steps])
def test_market_that_takes_no_price_is_refused(steps: Any, state: MarketState) -> None:
    taken = msgspec.structs.replace(fund_runs_dry(), market_state=state)
    with pytest.raises(LadderRefused, match=str(state)):
        list(steps(taken, [-10_000]))


def test_market_without_a_price_is_refused() -> None:
    taken = snapshot.take(Exchange(mark=0).engine.state, "1-1")
    with pytest.raises(LadderRefused, match="no price"):
        one_step(taken, -10_000)


def test_impossible_state_is_refused() -> None:
    taken = msgspec.structs.replace(fund_runs_dry(), wallets_units=7)
    with pytest.raises(LadderRefused, match="can't be used"):
        one_step(taken, -10_000)
