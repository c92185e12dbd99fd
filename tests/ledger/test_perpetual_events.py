"""⑤ Margin, funding, forced closings, settlement and countdowns onto rows, worked by hand. See
`world` for the market's sizes: one lot at one tick is 500 units.
"""

from typing import Any

import msgspec
import pytest

from ledger.models import AccountKind, EntryKind, Posting
from markets.models import MarketStatus
from matching.messages import events, funding
from matching.messages.events import TradeLeg
from matching.messages.vocabulary import (
    ExecutionType,
    MarketState,
    Side,
    StateReason,
)
from persistence.models import MarketCursor
from persistence.projection.batch import PoisonEntry
from persistence.reading import persist_market
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from tests.ledger.by_hand import at, held_position, hold_more, journal, persist, wallet
from tests.ledger.prices import mark_price
from tests.ledger.world import (
    DEPOSIT_UNITS,
    FIRST_TIME_MS,
    World,
    leg,
    position,
)
from trading.models import (
    Countdown,
    Fill,
    FundingPayment,
    FundingSettlement,
    Liquidation,
    Position,
    PositionLife,
    Settlement,
)


def open_positions(world: World) -> None:
    """Alice is short 10 at 1,000, Bob long 10, with margins of 500,000 and 400,000. Entry 1 to 3,
    in the middle of a batch."""
    world.place("short", world.alice, Side.SHORT, 10, 1000, 502_500)
    world.place("buy", world.bob, Side.LONG, 10, 1000, 402_500)
    world.say(world.accepted("short"), world.rested("short", 10))
    world.say(
        world.accepted("buy"),
        events.Trade(
            trade_id=1,
            execution=ExecutionType.TRADE,
            price_ticks=1000,
            size_lots=10,
            taker_side=Side.LONG,
            taker=leg(world.orders["buy"], world.bob.pk, 0, 402_500, 400_000, 0, 2_500),
            maker=leg(world.orders["short"], world.alice.pk, 0, 502_500, 500_000, 0, 1_000),
        ),
        position(world.alice.pk, -10, -5_000_000, 500_000),
        position(world.bob.pk, 10, 5_000_000, 400_000),
    )
    world.say(mark_price(1000, 1000))


def test_margin_goes_in_and_out(world):
    open_positions(world)
    persist(world)
    hold_more(world.bob, 70_000)
    bob = world.bob.pk
    world.say(
        events.MarginAdjusted(account_id=bob, amount_units=70_000, margin_units=470_000),
        position(bob, 10, 5_000_000, 470_000),
    )
    world.say(
        events.MarginAdjusted(account_id=bob, amount_units=-20_000, margin_units=450_000),
        position(bob, 10, 5_000_000, 450_000),
    )
    persist(world)
    assert held_position(world.bob) == (10, 5_000_000, 450_000, 5)
    assert wallet(world.bob) == (DEPOSIT_UNITS - 450_000 - 2_500, 0)


def test_margin_that_moved_without_its_position_is_poison(world):
    open_positions(world)
    world.say(
        events.MarginAdjusted(account_id=world.bob.pk, amount_units=-20_000, margin_units=380_000)
    )
    world.publish()
    with pytest.raises(PoisonEntry, match="moved, none was told changed"):
        persist_market(world.market_id)


def test_funding_moves_margin_and_keeps_its_history(world):
    open_positions(world)
    # Longs pay 45,000 a lot: Bob owes 450,000 with a margin of 400,000.
    world.say(
        events.FundingSettled(
            rate_ppb=90_000_000,
            mark_price_ticks=1000,
            per_lot_units=45_000,
            carry=17,
            funding_time_ms=FIRST_TIME_MS + 3,
            next_funding_ms=FIRST_TIME_MS + 9,
            payments=(
                funding.FundingPayment(world.alice.pk, 450_000, 0, -5_000_000, 950_000),
                funding.FundingPayment(world.bob.pk, -450_000, 50_000, 5_050_000, 0),
            ),
        )
    )
    persist(world)
    assert held_position(world.alice) == (-10, -5_000_000, 950_000, 4)
    assert held_position(world.bob) == (10, 5_050_000, 0, 4)
    settlement = FundingSettlement.objects.get()
    assert (settlement.seq, settlement.rate_ppb, settlement.paid_units) == (4, 90_000_000, 450_000)
    assert (settlement.funding_time, settlement.settled_at) == (at(3), at(4))
    payments = FundingPayment.objects.order_by("user_id")
    columns = ("user_id", "position_lots", "amount_units", "from_profit_units")
    assert list(payments.values_list(*columns)) == [
        (world.alice.pk, -10, 450_000, 0),
        (world.bob.pk, 10, -450_000, 50_000),
    ]
    assert settlement.carry == 17
    # What paid for it is realised, and part of how the position will have fared.
    assert Position.objects.get(user=world.bob).realized_pnl_units == 50_000
    life = PositionLife.objects.get(user=world.bob)
    assert (life.funding_units, life.realized_pnl_units, life.closed_at) == (-450_000, 50_000, None)
    assert journal(4) == [
        (EntryKind.FUNDING, None, AccountKind.MARGIN, world.alice.pk, 450_000),
        (EntryKind.FUNDING, None, AccountKind.MARGIN, world.bob.pk, -450_000),
        (EntryKind.FUNDING, None, AccountKind.MARGIN, world.bob.pk, 50_000),
        (EntryKind.FUNDING, None, AccountKind.CLEARING, None, -50_000),
    ]
    status = MarketStatus.objects.get()
    assert (status.funding_rate_ppb, status.funding_carry) == (90_000_000, 17)
    assert (status.premium_sum_ppb, status.premium_count) == (0, 0)
    assert status.next_funding_ms == FIRST_TIME_MS + 9


def forced(user, margin: int, pnl: int, insurance: int, available: int) -> TradeLeg:
    return TradeLeg(
        order_id=0,
        account_id=user.pk,
        remaining_lots=0,
        hold_released_units=0,
        margin_delta_units=margin,
        realized_pnl_units=pnl,
        fee_units=0,
        available_delta_units=available,
        insurance_delta_units=insurance,
    )


def test_a_liquidation_fills_without_an_order_and_tells_what_it_was_judged_by(world):
    open_positions(world)
    # Bob's 10 lots close at 930: a loss of 350,000 leaves 50,000 of 400,000; fee 23,250.
    catch = world.place("catch", world.carol, Side.LONG, 10, 930, 467_325)
    world.say(world.accepted("catch"), world.rested("catch", 10))
    liquidated = events.PositionLiquidated(
        account_id=world.bob.pk,
        mark_price_ticks=930,
        position_lots=10,
        entry_cost_units=5_000_000,
        margin_units=400_000,
        equity_units=50_000,
        maintenance_units=46_500,
        fee_reserve_units=23_250,
        limit_ticks=925,
        cancelled_orders=2,
        filled_lots=10,
        deleveraged_lots=0,
        fee_units=23_250,
        insurance_paid_units=0,
        left_lots=0,
        returned_units=26_750,
    )
    world.say(
        mark_price(930, 930),
        events.Trade(
            trade_id=2,
            execution=ExecutionType.LIQUIDATION,
            price_ticks=930,
            size_lots=10,
            taker_side=Side.SHORT,
            taker=forced(world.bob, -400_000, -350_000, 23_250, 26_750),
            maker=leg(catch, world.carol.pk, 0, 467_325, 465_000, 0, 930),
        ),
        liquidated,
        position(world.bob.pk, 0, 0, 0),
        position(world.carol.pk, 10, 4_650_000, 465_000),
    )
    persist(world)
    taker, maker = Fill.objects.filter(trade_id=2).order_by("-role")
    assert (taker.role, taker.order_id, taker.execution, taker.side) == (
        "TAKER",
        None,
        "LIQUIDATION",
        "SHORT",
    )
    assert (taker.insurance_units, taker.fee_units, taker.realized_pnl_units) == (
        23_250,
        0,
        -350_000,
    )
    assert (maker.order_id, maker.execution, maker.insurance_units) == (catch, "LIQUIDATION", 0)
    row = Liquidation.objects.get()
    for name in events.PositionLiquidated.__struct_fields__[1:]:
        assert getattr(row, name) == getattr(liquidated, name), name
    assert (row.user_id, row.seq, row.ordinal) == (world.bob.pk, 5, 1)
    assert row.liquidated_at == at(5)
    status = MarketStatus.objects.get()
    assert (status.insurance_units, status.last_price_ticks) == (23_250, 930)
    assert wallet(world.bob) == (DEPOSIT_UNITS - 402_500 + 26_750, 0)
    assert Position.objects.get(user=world.bob).realized_pnl_units == -350_000


def test_a_deleveraging_leaves_the_last_price_alone(world):
    open_positions(world)
    world.say(events.InsuranceFunded(amount_units=1_000, insurance_units=1_000))
    # Bob is bankrupt at 920: his 400,000 are gone with the loss. Alice gets the price and loses
    # nothing but a shortfall of 600 that the fund pays.
    world.say(
        events.Trade(
            trade_id=2,
            execution=ExecutionType.ADL,
            price_ticks=920,
            size_lots=10,
            taker_side=Side.SHORT,
            taker=forced(world.bob, -400_000, -400_000, 0, 0),
            maker=forced(world.alice, -500_000, 400_000, -600, 900_600),
        ),
        position(world.bob.pk, 0, 0, 0),
        position(world.alice.pk, 0, 0, 0),
    )
    persist(world)
    assert Fill.objects.filter(execution="ADL", order__isnull=True).count() == 2
    status = MarketStatus.objects.get()
    assert (status.last_price_ticks, status.insurance_units) == (1000, 400)
    assert wallet(world.alice) == (DEPOSIT_UNITS - 1_000 + 400_600, 0)
    deposits = Posting.objects.filter(account__kind=AccountKind.DEPOSITS, entry__seq=4)
    assert [p.amount_units for p in deposits] == [-1_000]


def state(new: MarketState, old: MarketState, reason=StateReason.OPERATOR):
    return events.MarketStateChanged(state=new, previous_state=old, reason=reason)


def test_a_halt_is_recorded_with_its_reason(world):
    world.say(state(MarketState.HALTED, MarketState.ACTIVE, StateReason.CIRCUIT_BREAKER))
    persist(world)
    status = MarketStatus.objects.get()
    assert (status.state, status.state_reason) == ("HALTED", "CIRCUIT_BREAKER")
    world.say(state(MarketState.ACTIVE, MarketState.HALTED))
    persist(world)
    status = MarketStatus.objects.get()
    assert (status.state, status.state_reason) == ("ACTIVE", "OPERATOR")
    assert not status.breaker_armed


def test_settlement_closes_everything_for_good(world):
    open_positions(world)
    world.say(events.CountdownSet(account_id=world.carol.pk, due_ms=FIRST_TIME_MS + 50))
    persist(world)
    world.say(
        state(MarketState.SETTLED, MarketState.ACTIVE),
        events.PositionSettled(
            price_ticks=1010,
            position_lots=-10,
            leg=forced(world.alice, -500_000, -50_000, 0, 450_000),
        ),
        events.PositionSettled(
            price_ticks=1010, position_lots=10, leg=forced(world.bob, -400_000, 50_000, 5, 449_995)
        ),
        position(world.alice.pk, 0, 0, 0),
        position(world.bob.pk, 0, 0, 0),
    )
    persist(world)
    columns = (
        "user_id",
        "seq",
        "price_ticks",
        "position_lots",
        "realized_pnl_units",
        "insurance_units",
        "returned_units",
    )
    assert list(Settlement.objects.order_by("id").values_list(*columns)) == [
        (world.alice.pk, 5, 1010, -10, -50_000, 0, 450_000),
        (world.bob.pk, 5, 1010, 10, 50_000, 5, 449_995),
    ]
    assert MarketStatus.objects.get().insurance_units == 5
    assert not Countdown.objects.exists()
    assert wallet(world.alice) == (DEPOSIT_UNITS - 1_000 - 50_000, 0)
    assert Posting.objects.filter(entry__kind=EntryKind.SETTLEMENT).count() == 10


def test_a_countdown_runs_until_it_ends(world):
    def due() -> dict[int, tuple[int, bool]]:
        return {row.user_id: (row.due_ms, row.protective) for row in Countdown.objects.all()}

    alice, bob = world.alice.pk, world.bob.pk
    world.say(events.CountdownSet(account_id=alice, due_ms=50))
    world.say(events.CountdownSet(account_id=bob, due_ms=60, protective=True))
    persist(world)
    assert due() == {alice: (50, False), bob: (60, True)}
    world.say(events.CountdownSet(account_id=alice, due_ms=70, protective=True))
    world.say(events.CountdownSet(account_id=bob, due_ms=0))
    persist(world)
    assert due() == {alice: (70, True)}
    (row,) = engine_snapshot_of_rows(MarketCursor.objects.get()).positions
    assert (row.account_id, row.position_lots) == (alice, 0)
    assert (row.countdown_due_ms, row.countdown_protective) == (70, True)


FUNDING: dict[str, Any] = {
    "mark_price_ticks": 500,
    "per_lot_units": 0,
    "carry": 0,
    "funding_time_ms": 77,
    "payments": (),
}


@pytest.mark.parametrize("in_one_batch", [False, True])
def test_a_split_funding_interval_is_kept_until_it_is_settled(world, in_one_batch):
    def kept():
        persist(world)
        status = MarketStatus.objects.get()
        assert (status.premium_sum_ppb, status.premium_count) == (0, 0)
        interval = status.funding_since_ms, status.funding_is_split, status.funding_accrued_ppb
        return interval, status.funding_rate_ppb, status.next_funding_ms

    change = funding.FundingChange(since_ms=70, accrued_ppb=-5, rate_ppb=6, next_funding_ms=77)
    world.say(mark_price(500, 500))
    world.say(events.MarketConfigured(config_version=4, funding_change=change))
    if not in_one_batch:
        assert kept() == ((70, True, -5), 6, 77)
        world.say(mark_price(501, 501))
    settled = {**FUNDING, "rate_ppb": -4, "interval_rate_ppb": 9, "next_funding_ms": 99}
    world.say(events.FundingSettled(**settled))
    assert kept() == ((0, False, 0), 9, 99)
    assert FundingSettlement.objects.get().rate_ppb == -4


@pytest.mark.parametrize("in_one_batch", [False, True])
def test_a_markets_first_price_begins_its_funding(world, in_one_batch):
    MarketStatus.objects.update(next_funding_ms=0, funding_since_ms=0)
    first, second = (
        msgspec.structs.replace(mark_price(500, 500), index_ms=FIRST_TIME_MS + at) for at in (5, 6)
    )
    world.say(first)
    if not in_one_batch:
        persist(world)
    world.say(second)
    persist(world)
    assert MarketStatus.objects.get().funding_since_ms == FIRST_TIME_MS + 5


def test_the_breaker_is_off_from_the_end_of_a_halt_to_the_next_price(world):
    def armed() -> bool:
        persist(world)
        return MarketStatus.objects.get().breaker_armed

    world.say(
        state(MarketState.HALTED, MarketState.ACTIVE, StateReason.CIRCUIT_BREAKER),
    )
    assert armed()
    world.say(state(MarketState.ACTIVE, MarketState.HALTED))
    assert not armed()
    stale = events.MarkPriceChanged(
        mark_price_ticks=990,
        index_price_ticks=991,
        index_ms=FIRST_TIME_MS,
        index_stale=True,
        premium_ppb=0,
        premium_sum_ppb=-3,
        premium_count=2,
        next_funding_ms=77,
    )
    world.say(stale)
    assert not armed()
    status = MarketStatus.objects.get()
    assert (status.index_stale, status.index_ms, status.mark_price_at) == (
        True,
        FIRST_TIME_MS,
        None,
    )
    assert (status.premium_sum_ppb, status.premium_count, status.next_funding_ms) == (-3, 2, 77)
    world.say(mark_price(500, 500))
    assert armed()
