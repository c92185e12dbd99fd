"""Who pays for a loss, at most what, and what happens when nobody can: a test for each row of the
table in docs/architecture.md. One tick times one lot is 1,000 units where nothing else is said.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import InvariantBroken, check_invariants, check_turn
from matching.core.market.position import Leg
from matching.core.market.state import Turn
from matching.core.risk.settlement import payments_to_fund
from matching.messages.commands import (
    FundInsurance,
    SetMarketState,
    SettleMarket,
    UpdateIndexPrice,
)
from matching.messages.events import (
    CommandRejected,
    Event,
    FundingSettled,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketStateChanged,
    PositionLiquidated,
    PositionSettled,
    Trade,
)
from matching.messages.vocabulary import ExecutionType, MarketState
from tests.matching.actors import FUNDS, Exchange, every, one_tier, only, opens
from tests.matching.naive_settlement import naive_payments


def settled(events: tuple[Event, ...]) -> dict[int, int]:
    """By account, what it gave to the fund."""
    return {e.leg.account_id: e.leg.insurance_delta_units for e in every(PositionSettled, events)}


# ------------------------------------------------------------------------------------- closing


def test_who_closes_at_a_loss_pays_with_the_margin_and_not_beyond() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)  # margin 500,000
    carol.buys(10, at=949)
    refused = alice.sells(10, at=949, reduce_only=True, fees_ppm=(0, 0))
    assert refused.trades == []
    assert [reason for _, reason, _, _ in refused.cancels] == ["UNAFFORDABLE"]
    carol.buys(10, at=950)
    assert alice.sells(10, at=950, reduce_only=True, fees_ppm=(0, 0)).fills == [(950, 10)]
    assert alice.available == FUNDS - 5_000 - 500_000


# -------------------------------------------------------------------------------- margin taken out


@pytest.mark.parametrize("mark", [961, 975, 1_000, 1_049])
def test_margin_taken_out_leaves_the_loss_covered_and_costs_nobody(mark: int) -> None:
    """Of a long, a short, and one who has added 300,000; all from 1,000 with 500,000."""
    exchange = Exchange(insurance=7_000, tiers=one_tier(100))
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.sells(20, at=1_000)
    bob.buys(20, at=1_000)  # now long by 10
    bob.adds_margin(300_000)
    exchange.mark(mark)
    for trader in (alice, bob, carol):
        lots, cost_units, margin_units = trader.position
        loss_units = max(0, cost_units - lots * mark * 1_000)
        assert loss_units < margin_units
        others = [other for other in (alice, bob, carol) if other is not trader]
        before = [(other.available, other.position) for other in others]
        available = trader.available
        asked = trader.adds_margin(loss_units - margin_units)
        refused = only(MarginAdjustmentRejected, asked.events)
        assert (refused.released_units, trader.position[2]) == (0, margin_units)
        taken_units = refused.removable_units
        if taken_units:
            only(MarginAdjusted, trader.adds_margin(-taken_units).events)
        assert trader.available == available + taken_units
        assert trader.position == (lots, cost_units, margin_units - taken_units)
        assert margin_units - taken_units > loss_units
        assert [(other.available, other.position) for other in others] == before
        assert exchange.audit.insurance == 7_000
    assert every(PositionLiquidated, exchange.mark(mark)) == []


# ------------------------------------------------------------------------------------- liquidation


def test_a_liquidation_fee_is_at_most_what_the_margin_has_left() -> None:
    exchange = Exchange(liquidation_fee_ppm=5_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(10, at=955)
    told = only(PositionLiquidated, exchange.mark(955))
    # 500,000 − 450,000 are left; the fee of 0.5 % would be 47,750.
    assert (told.fee_units, told.returned_units) == (47_750, 2_250)
    opens(exchange, alice, bob, 10)  # the mark is 955: the open loss is covered
    assert exchange.audit.insurance == 47_750


def test_who_is_left_without_equity_by_rounded_fees_is_deleveraged_at_once() -> None:
    """Alice's debt is 98,505 for 100 lots: bankrupt at 995 with the fee, 985.05 without. At a mark
    of 986 her equity is 95; each lot sold at 995 costs a fee of ⌈9.95⌉ and brings 985, so after 96
    of them she owes 1, which the last 4 can't bring."""
    exchange = Exchange(1_041, units_per_tick_lot=1, liquidation_fee_ppm=10_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    bob.sells(100, at=1_041)
    alice.buys(100, at=1_041, margin=5_300)
    alice.adds_margin(295)
    assert alice.position == (100, 104_100, 5_595)
    for _ in range(96):
        carol.buys(1, at=995)
    events = exchange.mark(986)
    told = only(PositionLiquidated, events)
    assert (told.equity_units, told.limit_ticks) == (95, 995)
    assert (told.filled_lots, told.deleveraged_lots, told.fee_units) == (96, 4, 960)
    assert alice.position == (0, 0, 0)
    assert bob.position[0] == -96


def test_the_fund_pays_what_a_bankrupt_margin_lacks_as_long_as_it_can() -> None:
    exchange = Exchange(insurance=20_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(4, at=945)  # 220,000 of loss on 200,000 of margin
    carol.buys(1, at=944)  # would lack 6,000
    events = exchange.mark(940)
    assert [(str(t.execution), t.size_lots) for t in every(Trade, events)] == [
        ("LIQUIDATION", 4),
        ("ADL", 6),
    ]
    assert only(PositionLiquidated, events).insurance_paid_units == 20_000
    assert exchange.audit.insurance == 0


# ----------------------------------------------------------------------------------- deleveraging


def test_a_counterparty_gives_up_profit_and_never_margin() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    # At 900 Bob has won 1,000,000; Alice has 500,000, and that is what he gets.
    leg = only(Trade, exchange.mark(900)).maker
    assert leg.account_id == bob.account_id
    assert leg.realized_pnl_units == 500_000
    assert bob.available == FUNDS - 2_000 + 500_000
    assert alice.available == FUNDS - 5_000 - 500_000


def bankrupt_pair(fund: int) -> Engine:
    """A market no sequence of commands leads to: a long bankrupt below 950 and, all there is
    against it, a short bankrupt above 910, so that between them 400,000 units are missing."""
    exchange = Exchange(insurance=fund)
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    taken = snapshot.take(exchange.engine.state, "1-1")
    long, short = taken.positions
    short = msgspec.structs.replace(short, entry_cost_units=-9_000_000, margin_units=100_000)
    taken = msgspec.structs.replace(
        taken,
        positions=[long, short],
        wallets_units=500_000 + 100_000 + taken.fees_units + fund - 1_000_000,
    )
    return Engine(snapshot.restore(taken))


def test_a_market_that_nobody_can_pay_for_halts_until_the_fund_can() -> None:
    engine = bankrupt_pair(fund=399_999)
    now_ms = engine.state.clock_ms
    events = engine.apply(UpdateIndexPrice(index_price_ticks=940), now_ms)
    assert only(MarketStateChanged, events).reason == "INSURANCE_EXHAUSTED"
    assert every(Trade, events) == []
    # Opened as it is, it finishes what it could not before anybody trades, and halts again.
    reopen = SetMarketState(command_id=101, state=MarketState.ACTIVE)
    events = engine.apply(reopen, now_ms)
    assert [str(e.reason) for e in every(MarketStateChanged, events)] == [
        "OPERATOR",
        "INSURANCE_EXHAUSTED",
    ]
    assert engine.state.market_state == "HALTED"
    engine.apply(FundInsurance(command_id=102, amount_units=1), now_ms)
    events = engine.apply(msgspec.structs.replace(reopen, command_id=103), now_ms)
    assert only(Trade, events).execution is ExecutionType.ADL
    check_invariants(engine.state)
    assert engine.state.market_state == "ACTIVE"
    assert engine.state.accounts == {}
    assert engine.state.insurance_units == 0


# ----------------------------------------------------------------------------------------- funding


def test_funding_beyond_the_margin_comes_out_of_the_profit_and_ends_in_a_liquidation() -> None:
    exchange = Exchange(
        mark_clamp_ppm=1,
        impact_notional_units=1,
        funding_cap_ppm=1_000_000,
        tiers=one_tier(100),
    )
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10, leverage=100)  # margin 100,000
    exchange.mark(1_050)  # and a profit of 500,000
    carol.buys(1, at=1_100)  # a premium of 50 over the index
    payments = []
    while alice.position[0]:
        exchange.passes(exchange.engine.state.next_funding_ms - exchange.now_ms - 1)
        exchange.mark(1_050)
        exchange.passes(1)
        events = exchange.mark(1_050)
        (paid,) = [p for p in only(FundingSettled, events).payments if p.account_id == 1]
        payments.append(paid)
    first, *_, last = payments
    assert len(payments) >= 2
    # The margin is gone with the first one; the rest of it is profit she no longer has.
    assert -first.amount_units == 100_000 + first.from_profit_units
    assert (first.margin_units, first.entry_cost_units) == (0, 10_000_000 + first.from_profit_units)
    # The last one is more than she has left. Bob, who should have got it, gets what there is.
    assert last.entry_cost_units > 10_500_000
    told = [e for e in every(PositionLiquidated, events) if e.account_id == 1]
    assert [(e.equity_units < 0, e.margin_units, e.left_lots) for e in told] == [(True, 0, 0)]
    assert alice.available >= FUNDS - 10_000 - 100_000
    assert exchange.audit.insurance == 0


# -------------------------------------------------------------------------------------- settlement


def entered_after_a_gap(insurance: int = 0) -> tuple[Exchange, tuple[Event, ...]]:
    """Alice is short at 1,000 with 10,000,000. Who bought sells to newcomers at the edge of the
    band: Carol 10 at 1,055, bringing 42,000 a lot, and Dave 190 at 1,060. Settled at 1,060."""
    exchange = Exchange(price_band_ppm=50_000, tiers=one_tier(50), insurance=insurance)
    alice, bob, carol, dave = exchange.traders("alice", "bob", "carol", "dave")
    alice.sells(200, at=1_000, leverage=20)
    bob.buys(200, at=1_000)
    exchange.mark(1_015)
    carol.buys(10, at=1_055, margin=420_000)
    dave.buys(190, at=1_060, leverage=20)
    assert bob.sells(200, at=1_050).fills == [(1_060, 190), (1_055, 10)]
    return exchange, exchange.settles(1_060)


def test_settlement_takes_from_nobody_more_than_the_position_is_worth() -> None:
    exchange, events = entered_after_a_gap()
    # Alice is worth −2,000,000. Carol has 420,000 + 50,000, Dave 10,070,000: of 2,000,000 they
    # bear 470,000/10,540,000 = 89,184.06 and the rest, 1,910,815.93.
    assert settled(events) == {1: -2_000_000, 3: 89_184, 4: 1_910_816}
    alice, _, carol, dave = exchange.traders("alice", "bob", "carol", "dave")
    assert alice.available == FUNDS - 40_000 - 10_000_000
    assert carol.available == FUNDS - 2_110 + 50_000 - 89_184
    assert dave.available == FUNDS - 40_280 - 1_910_816
    assert exchange.audit.insurance == 0


def test_settlement_asks_the_fund_first() -> None:
    exchange, events = entered_after_a_gap(insurance=2_000_001)
    assert settled(events) == {1: -2_000_000, 3: 0, 4: 0}
    assert exchange.audit.insurance == 1
    exchange, events = entered_after_a_gap(insurance=1_999_999)
    assert settled(events) == {1: -2_000_000, 3: 0, 4: 1}
    assert exchange.audit.insurance == 0


def test_settlement_without_any_winner() -> None:
    """The counterparty entered at the settlement price: it has no profit, and pays all the same."""
    exchange = Exchange(tiers=one_tier(20))
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)  # alice: 500,000
    exchange.mark(970)
    carol.sells(10, at=880, margin=10**6)  # a short below the mark, with margin for it
    assert bob.position[0] == -10
    bob.buys(10, at=880, worst=880)
    assert bob.position[0] == 0
    events = exchange.settles(880)
    assert all(e.leg.realized_pnl_units <= 0 for e in every(PositionSettled, events))
    assert settled(events) == {1: -700_000, 3: 700_000}
    assert carol.available == FUNDS - 1_760 - 700_000


def test_a_settlement_nobody_can_pay_for_is_refused_and_changes_nothing() -> None:
    engine = bankrupt_pair(fund=399_999)
    now_ms = engine.state.clock_ms
    digest = engine.digest()
    for price in (1, 930, 10**6):
        settle = SettleMarket(command_id=100 + price, price_ticks=price)
        events = engine.apply(settle, now_ms)
        assert only(CommandRejected, events).code == "INSURANCE_EXHAUSTED"
    assert engine.digest() != digest  # the sequence and the commands' ids; not the positions
    assert len(engine.state.accounts) == 2
    assert engine.state.market_state == "ACTIVE"
    engine.apply(FundInsurance(command_id=98, amount_units=1), now_ms)
    events = engine.apply(SettleMarket(command_id=99, price_ticks=930), now_ms)
    assert settled(events) == {1: -200_000, 2: -200_000}
    check_invariants(engine.state)
    assert engine.state.insurance_units == 0


@given(st.lists(st.integers(-(10**17), 10**17), max_size=12), st.integers(0, 10**17))
def test_a_settlement_is_shared_by_worth_to_the_unit(worths: list[int], fund: int) -> None:
    fund += max(0, -sum(worths) - fund)  # else it is refused
    payments = payments_to_fund(worths, fund)
    assert dict(enumerate(payments)) == naive_payments(dict(enumerate(worths)), fund)
    assert all(payment <= max(0, worth) for payment, worth in zip(payments, worths, strict=True))
    assert fund + sum(payments) >= 0


# ------------------------------------------------------------------------------------- invariants


def test_nothing_may_be_taken_from_a_wallet() -> None:
    exchange = Exchange()
    alice, _ = exchange.traders("alice", "bob")
    order = alice.buys(1, at=900)
    state = exchange.engine.state
    resting = state.book.orders[order.order_id]
    held = resting.reserve_per_lot_units
    turn = Turn(0, 0)
    state.lower_reserve(resting, held)
    check_turn(state, turn)
    state.lower_reserve(resting, held + 1)
    with pytest.raises(InvariantBroken, match="no event takes from a wallet: -1"):
        check_turn(state, turn)
    other = Exchange()
    carol, dave = other.traders("carol", "dave")
    opens(other, carol, dave, 1)
    state = other.engine.state
    taking = Leg(1, 0, 0, 0, 0, -50_000, -50_007, 0)
    state.apply_money(state.accounts[dave.account_id], taking, turn)
    assert state.least_to_wallet_units == -7


def test_what_positions_and_fund_have_together_may_not_fall_below_zero() -> None:
    state = bankrupt_pair(fund=399_999).state
    assert state.worth_units == -1
    check_turn(state, Turn(0, worth_before_units=-1))
    with pytest.raises(InvariantBroken, match="worth something"):
        check_turn(state, Turn(0, worth_before_units=0))
