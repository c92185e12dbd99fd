from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.models import AccountKind, EntryKind, LineKind
from ledger.posting_rules import POSTING_RULES, deposit_movement
from matching.messages import conditional_events, events, funding
from matching.messages.events import Event
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    MarketState,
    OrderType,
    RejectCode,
    Side,
    StateReason,
)
from persistence.projection.batch import EPOCH
from persistence.projection.projectors import PROJECTORS, require_closed
from tests.ledger.prices import mark_price
from tests.ledger.world import leg, position

A, H, M = AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.MARGIN
RELEASE = EntryKind.HOLD_RELEASE

units = st.integers(-(10**17), 10**17)


def movements(event):
    return POSTING_RULES[type(event)]("BTC-PERP", event)


def releasing_events(released: int):
    who: Any = {"order_id": 5, "account_id": 9, "released_units": released}
    return [
        events.OrderAccepted(side=Side.LONG, price_ticks=1, size_lots=1, **who),
        events.OrderRejected(code=RejectCode.MIN_NOTIONAL, **who),
        conditional_events.OrderAttached(parent_id=4, **who),
        events.OrderRested(side=Side.LONG, price_ticks=1, remaining_lots=1, arrival=1, **who),
        events.OrderCancelled(reason=CancelReason.USER, cancelled_lots=1, remaining_lots=0, **who),
        events.OrderWaiting(arrival=1, **who),
        events.OrderAmended(
            price_ticks=1,
            size_lots=1,
            remaining_lots=1,
            kept_priority=True,
            brought_units=0,
            **who,
        ),
        events.AmendRejected(code=RejectCode.NOTHING_TO_AMEND, **who),
        events.ActivationRejected(code=RejectCode.UNKNOWN_ORDER, **who),
    ]


MOVING_NOTHING = [
    events.MarketConfigured(config_version=1),
    events.MarketStateChanged(
        state=MarketState.ACTIVE,
        previous_state=MarketState.HALTED,
        reason=StateReason.OPERATOR,
    ),
    mark_price(1, 1),
    events.CancelRejected(order_id=1, account_id=1, code=RejectCode.UNKNOWN_ORDER),
    events.CommandRejected(code=RejectCode.MALFORMED),
    position(1, 1, 1, 1),
    conditional_events.CoverChanged(order_id=1, account_id=1, covered_lots=1, arrival=1),
    conditional_events.ConditionalAmended(
        order_id=1,
        account_id=1,
        price_ticks=1,
        size_lots=1,
        trigger_price_ticks=1,
        callback_ppm=0,
        arrival=1,
        order_type=OrderType.LIMIT,
        of_whole_position=False,
    ),
    events.OrderRefilled(order_id=1, account_id=1, arrival=1),
    events.OrderTriggered(
        order_id=1, account_id=1, reference_ticks=1, size_lots=1, needs_hold=True
    ),
    events.PositionLiquidated(
        account_id=1, **dict.fromkeys(events.PositionLiquidated.__struct_fields__[1:], 1)
    ),
    events.CountdownSet(account_id=1, due_ms=1),
]
# Each has a test of its own below.
MOVING_MORE = {
    events.Trade,
    events.PositionSettled,
    events.FundingSettled,
    events.MarginAdjusted,
    events.MarginAdjustmentRejected,
    events.InsuranceFunded,
}


def trade(taker, maker, execution=ExecutionType.TRADE):
    return events.Trade(
        trade_id=7,
        execution=execution,
        price_ticks=10,
        size_lots=1,
        taker_side=Side.LONG,
        taker=taker,
        maker=maker,
    )


def shown(event) -> tuple:
    """Movements with lines as short as can be: with their kind only where they have one."""
    return tuple(
        (
            m.kind,
            m.order_id,
            m.trade_id,
            tuple(tuple(line[: 4 if line.purpose else 3]) for line in m.lines),
        )
        for m in movements(event)
    )


def test_deposit_comes_from_outside():
    movement = deposit_movement(9, 250)
    assert movement.kind is EntryKind.DEPOSIT
    assert movement.lines == ((A, 9, 250, None), (AccountKind.DEPOSITS, None, -250, None))


@pytest.mark.parametrize("event", releasing_events(40), ids=lambda e: type(e).__name__)
def test_release_moves_held_to_available(event):
    assert shown(event) == ((RELEASE, 5, None, ((H, 9, -40), (A, 9, 40))),)


@pytest.mark.parametrize("event", releasing_events(0), ids=lambda e: type(e).__name__)
def test_releasing_nothing_posts_nothing(event):
    assert shown(event) == ()


@pytest.mark.parametrize("event", MOVING_NOTHING, ids=lambda e: type(e).__name__)
def test_events_without_money_post_nothing(event):
    assert shown(event) == ()


def test_every_event_of_the_contract_is_exercised_here():
    shown = {type(e) for e in [*releasing_events(1), *MOVING_NOTHING]} | MOVING_MORE
    assert shown == set(get_args(Event)) == set(POSTING_RULES) == set(PROJECTORS)


FEE, PNL = LineKind.FEE, LineKind.REALIZED_PNL


def test_trade_posts_each_leg_on_its_own():
    opened = leg(5, 9, 0, 1_000, 800, 0, 50)
    closed = leg(6, 8, 0, 0, -700, 300, 20)
    fees, clearing = AccountKind.FEES, AccountKind.CLEARING
    assert shown(trade(opened, closed)) == (
        (
            EntryKind.FILL,
            5,
            7,
            ((H, 9, -950), (M, 9, 800), (A, 9, 150), (H, 9, -50, FEE), (fees, None, 50)),
        ),
        (
            EntryKind.FILL,
            6,
            7,
            (
                (M, 8, -700),
                (A, 8, 700),
                (A, 8, -20, FEE),
                (A, 8, 300, PNL),
                (fees, None, 20),
                (clearing, "BTC-PERP", -300),
            ),
        ),
    )


FUND, CLEARING = AccountKind.INSURANCE, AccountKind.CLEARING


def forced(account: int, margin: int, pnl: int, insurance: int, available: int):
    """A leg without an order: margin and profit, shared by fund and wallet."""
    return events.TradeLeg(
        order_id=0,
        account_id=account,
        remaining_lots=0,
        hold_released_units=0,
        margin_delta_units=margin,
        realized_pnl_units=pnl,
        fee_units=0,
        available_delta_units=available,
        insurance_delta_units=insurance,
    )


def test_a_liquidated_leg_pays_its_fee_to_the_fund_and_an_ordinary_maker_is_a_fill():
    # Margin 900 and a loss of 500 leave 400: 50 to the fund, 350 to the trader.
    taker = forced(9, -900, -500, 50, 350)
    assert shown(trade(taker, leg(6, 8, 0, 7, 5, 0, 2), ExecutionType.LIQUIDATION)) == (
        (
            EntryKind.LIQUIDATION,
            None,
            7,
            (
                (M, 9, -350),
                (A, 9, 350),
                (M, 9, -500, PNL),
                (M, 9, -50, LineKind.LIQUIDATION_FEE),
                (CLEARING, "BTC-PERP", 500),
                (FUND, "BTC-PERP", 50),
            ),
        ),
        (
            EntryKind.FILL,
            6,
            7,
            ((H, 8, -5), (M, 8, 5), (H, 8, -2, FEE), (AccountKind.FEES, None, 2)),
        ),
    )


def test_the_fund_pays_the_shortfall_of_a_deleveraged_counterparty():
    # The bankrupt keeps its margin at zero: a loss of 300 eats margin of 300. The other's margin of
    # 100 and loss of 130 lack 30.
    bankrupt, other = forced(9, -300, -300, 0, 0), forced(8, -100, -130, -30, 0)
    assert shown(trade(bankrupt, other, ExecutionType.ADL)) == (
        (EntryKind.ADL, None, 7, ((M, 9, -300, PNL), (CLEARING, "BTC-PERP", 300))),
        (
            EntryKind.ADL,
            None,
            7,
            (
                (M, 8, -130, PNL),
                (M, 8, 30, LineKind.INSURANCE_COVER),
                (CLEARING, "BTC-PERP", 130),
                (FUND, "BTC-PERP", -30),
            ),
        ),
    )


def test_settlement_gives_margin_and_profit_back():
    event = events.PositionSettled(
        price_ticks=10, position_lots=3, leg=forced(9, -900, 200, 10, 1_090)
    )
    assert shown(event) == (
        (
            EntryKind.SETTLEMENT,
            None,
            None,
            (
                (M, 9, -1_090),
                (A, 9, 1_090),
                (M, 9, 200, PNL),
                (M, 9, -10, LineKind.LOSS_SHARE),
                (CLEARING, "BTC-PERP", -200),
                (FUND, "BTC-PERP", 10),
            ),
        ),
    )


def test_funding_is_one_entry_over_all_accounts():
    # 9 owes 60 with a margin of 40: 20 come out of its unrealised profit.
    payments = (
        funding.FundingPayment(8, 50, 0, -500, 150),
        funding.FundingPayment(9, -60, 20, 620, 0),
        funding.FundingPayment(10, 10, 0, -100, 30),
    )
    event = events.FundingSettled(
        rate_ppb=1,
        mark_price_ticks=1,
        per_lot_units=10,
        carry=0,
        funding_time_ms=1,
        next_funding_ms=2,
        payments=payments,
    )
    assert shown(event) == (
        (
            EntryKind.FUNDING,
            None,
            None,
            (
                (M, 8, 50),
                (M, 9, -60),
                (M, 9, 20, PNL),
                (M, 10, 10),
                (CLEARING, "BTC-PERP", -20),
            ),
        ),
    )
    assert shown(msgspec.structs.replace(event, payments=())) == ()


def test_margin_comes_from_held_and_goes_to_available():
    added = events.MarginAdjusted(account_id=9, amount_units=70, margin_units=170)
    removed = events.MarginAdjusted(account_id=9, amount_units=-30, margin_units=140)
    nothing = events.MarginAdjusted(account_id=9, amount_units=0, margin_units=140)
    refused = events.MarginAdjustmentRejected(
        account_id=9, code=RejectCode.NO_POSITION, released_units=70
    )
    assert shown(added) == ((EntryKind.MARGIN_ADDED, None, None, ((H, 9, -70), (M, 9, 70))),)
    assert shown(removed) == ((EntryKind.MARGIN_REMOVED, None, None, ((M, 9, -30), (A, 9, 30))),)
    assert shown(nothing) == ()
    assert shown(refused) == ((RELEASE, None, None, ((H, 9, -70), (A, 9, 70))),)


def test_the_fund_is_topped_up_from_outside():
    event = events.InsuranceFunded(amount_units=500, insurance_units=900)
    deposits = AccountKind.DEPOSITS
    assert shown(event) == (
        (EntryKind.INSURANCE_TOPUP, None, None, ((deposits, None, -500), (FUND, "BTC-PERP", 500))),
    )


def test_leg_that_moves_nothing_is_no_entry():
    empty = leg(5, 9, 0, 0, 0, 0, 0)
    assert [m.order_id for m in movements(trade(empty, leg(6, 8, 0, 1, 1, 0, 0)))] == [6]


def test_a_loss_of_a_position_without_margin_is_told_though_the_fund_bears_it_all():
    bankrupt = forced(9, 0, -70, -70, 0)
    (movement,) = shown(trade(bankrupt, leg(6, 8, 0, 0, 0, 0, 0), ExecutionType.LIQUIDATION))
    assert movement[3][:2] == ((M, 9, -70, PNL), (M, 9, 70, LineKind.INSURANCE_COVER))


def test_a_rebate_comes_to_what_is_available():
    (movement, _) = shown(trade(leg(5, 9, 0, 100, 100, 0, -3), leg(6, 8, 0, 1, 1, 0, 0)))
    assert (A, 9, 3, FEE) in movement[3]


@given(units, units, units, units)
def test_legs_sum_to_zero_and_hold_no_zero(hold, margin, pnl, fee):
    for movement in movements(
        trade(leg(5, 9, 0, hold, margin, pnl, fee), leg(6, 8, 0, 1, 1, 0, 0))
    ):
        amounts = [line.amount_units for line in movement.lines]
        assert sum(amounts) == 0
        assert all(amounts)


@pytest.mark.parametrize("table", [PROJECTORS, POSTING_RULES], ids=["projectors", "rules"])
def test_a_table_without_an_event_stops_the_import(table):
    broken = {event: row for event, row in table.items() if event is not events.Trade}
    with pytest.raises(TypeError, match="TABLE and the events of the contract differ: Trade"):
        require_closed(broken, "TABLE")
    require_closed(table, "TABLE")


def test_projectors_are_named_after_their_events():
    for event, projector in PROJECTORS.items():
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in event.__name__)
        assert projector.__name__ == f"project{words}"
        assert projector.__module__.startswith("persistence.projection.")


def test_epoch_is_utc():
    assert EPOCH.timestamp() == 0
