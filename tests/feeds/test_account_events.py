"""What an account hears of the perpetual rules' events, without a socket."""

from decimal import Decimal
from typing import Any, get_args

import pytest

from feeds.account import account_message, accounts_of, orders_of
from feeds.labels import Labels, OrderLabel
from feeds.scale import Scale
from matching.messages.conditional_events import ConditionalAmended, CoverChanged, OrderAttached
from matching.messages.events import (
    CancelRejected,
    CountdownSet,
    Event,
    FundingSettled,
    MarginAdjusted,
    MarginAdjustmentRejected,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
    OrderWaiting,
    OutputEntry,
    PositionLiquidated,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.funding import FundingPayment
from matching.messages.vocabulary import CancelReason, ExecutionType, OrderType, RejectCode, Side

SCALE = Scale(
    market_id="BTC-PERP",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    units_per_tick_lot=100,
)


def amended_condition(
    order_type: OrderType, at: int, callback_ppm: int, *, of_whole_position: bool = False
) -> ConditionalAmended:
    return ConditionalAmended(
        order_id=5,
        account_id=7,
        price_ticks=249_000,
        size_lots=20,
        trigger_price_ticks=at,
        callback_ppm=callback_ppm,
        arrival=3,
        order_type=order_type,
        of_whole_position=of_whole_position,
    )


def heard(event: Event, account_id: int, labels: Labels | None = None) -> list[dict[str, Any]]:
    entry = OutputEntry(seq=3, input_id="5-0", time_ms=5, command_id=0, events=(event,))
    message = account_message(entry, account_id, SCALE, labels or {})
    assert (message is not None) is (account_id in accounts_of(entry))
    return message["events"] if message else []


def leg(order_id: int, account_id: int) -> TradeLeg:
    return TradeLeg(
        order_id=order_id,
        account_id=account_id,
        remaining_lots=0,
        hold_released_units=0,
        margin_delta_units=-9_000_000,
        realized_pnl_units=-4_000_000,
        fee_units=0,
        available_delta_units=5_000_000,
    )


def test_a_forced_fill_names_no_order_and_says_why() -> None:
    trade = Trade(
        trade_id=1,
        execution=ExecutionType.LIQUIDATION,
        price_ticks=250_000,
        size_lots=20,
        taker_side=Side.SHORT,
        taker=leg(0, 7),
        maker=leg(5, 8),
    )
    (mine,) = heard(trade, 7)
    assert (mine["orderId"], mine["status"], mine["execution"]) == (None, None, "LIQUIDATION")
    assert mine["clientOrderId"] is None
    (theirs,) = heard(trade, 8)
    assert (theirs["orderId"], theirs["status"]) == (5, "filled")


def test_each_hears_its_own_funding() -> None:
    event = FundingSettled(
        rate_ppb=100_000,
        mark_price_ticks=250_000,
        per_lot_units=2_500,
        carry=0,
        funding_time_ms=5,
        next_funding_ms=6,
        payments=(
            FundingPayment(7, -500_000, 0, 1, 2_000_000),
            FundingPayment(8, 500_000, 0, 1, 1),
        ),
    )
    assert heard(event, 7) == [
        {
            "event": "FundingSettled",
            "rate": "0.0001",
            "markPrice": "25000",
            "amountPerLot": "0.0025",
            "amount": "-0.5",
            "fromProfit": "0",
            "margin": "2",
        }
    ]
    assert heard(event, 8)[0]["amount"] == "0.5"
    assert heard(event, 9) == []


def cancelled(*, of_whole_position: bool) -> OrderCancelled:
    return OrderCancelled(
        order_id=5,
        account_id=7,
        reason=CancelReason.POSITION_CLOSED,
        cancelled_lots=1,
        remaining_lots=0,
        released_units=0,
        of_whole_position=of_whole_position,
    )


CANCELLED = {
    "event": "OrderCancelled",
    "orderId": 5,
    "status": "cancelled",
    "reason": "POSITION_CLOSED",
}


@pytest.mark.parametrize(
    ("side", "ticks", "needs_hold", "shown"),
    [
        (Side.SHORT, 1, False, None),
        (Side.LONG, 10**9, False, None),
        (Side.SHORT, 249_000, False, "24900"),  # a limit of the trader's
        (Side.LONG, 251_000, False, "25100"),
        (Side.SHORT, 1, True, "0.1"),
    ],
)
def test_a_triggered_market_order_that_only_reduces_shows_no_price(
    side: Side, ticks: int, needs_hold: bool, shown: str | None
) -> None:
    fired = OrderTriggered(
        order_id=5, account_id=7, reference_ticks=250_000, size_lots=20, needs_hold=needs_hold
    )
    accepted = OrderAccepted(
        order_id=5, account_id=7, side=side, price_ticks=ticks, size_lots=20, released_units=0
    )
    entry = OutputEntry(seq=3, input_id="5-0", time_ms=5, command_id=0, events=(fired, accepted))
    message = account_message(entry, 7, SCALE, {})
    assert message is not None
    assert message["events"][1]["price"] == shown
    assert account_message(entry, 8, SCALE, {}) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            OrderWaiting(order_id=5, account_id=7, arrival=1, released_units=0),
            {"event": "OrderWaiting", "orderId": 5, "status": "waiting"},
        ),
        (
            amended_condition(OrderType.LIMIT, 250_000, 0),
            {
                "event": "ConditionalAmended",
                "orderId": 5,
                "status": "waiting",
                "price": "24900",
                "qty": "0.02",
                "trigger": {"price": "25000", "callback": None},
            },
        ),
        (
            OrderAttached(order_id=5, account_id=7, parent_id=6, released_units=0),
            {"event": "OrderAttached", "orderId": 5, "status": "asleep", "parentId": 6},
        ),
        (
            CoverChanged(order_id=5, account_id=7, covered_lots=20, arrival=3),
            {"event": "CoverChanged", "orderId": 5, "status": "waiting", "qty": "0.02"},
        ),
        (
            CoverChanged(order_id=5, account_id=7, covered_lots=0, arrival=0),
            {"event": "CoverChanged", "orderId": 5, "status": "asleep", "qty": "0"},
        ),
        (
            amended_condition(OrderType.MARKET, 0, 20_000, of_whole_position=True),
            {
                "event": "ConditionalAmended",
                "orderId": 5,
                "status": "waiting",
                "price": None,
                "qty": None,
                "trigger": {"price": None, "callback": "0.02"},
            },
        ),
        (
            OrderTriggered(
                order_id=5, account_id=7, reference_ticks=250_000, size_lots=20, needs_hold=True
            ),
            {
                "event": "OrderTriggered",
                "orderId": 5,
                "status": "waiting",
                "referencePrice": "25000",
                "qty": "0.02",
            },
        ),
        (
            OrderTriggered(
                order_id=5,
                account_id=7,
                reference_ticks=250_000,
                size_lots=20,
                needs_hold=True,
                price_ticks=252_500,
            ),
            {
                "event": "OrderTriggered",
                "orderId": 5,
                "status": "waiting",
                "referencePrice": "25000",
                "qty": "0.02",
                "price": "25250",
            },
        ),
        (
            MarginAdjusted(account_id=7, amount_units=-1_000_000, margin_units=2_000_000),
            {"event": "MarginAdjusted", "amount": "-1", "margin": "2"},
        ),
        (
            MarginAdjustmentRejected(
                account_id=7, code=RejectCode.NO_POSITION, released_units=1_000_000
            ),
            {"event": "MarginAdjustmentRejected", "reason": "NO_POSITION", "released": "1"},
        ),
        (
            MarginAdjustmentRejected(
                account_id=7,
                code=RejectCode.INSUFFICIENT_MARGIN,
                released_units=0,
                removable_units=1_500_000,
            ),
            {
                "event": "MarginAdjustmentRejected",
                "reason": "INSUFFICIENT_MARGIN",
                "released": "0",
                "removable": "1.5",
            },
        ),
        (
            CountdownSet(account_id=7, due_ms=99),
            {"event": "CountdownSet", "dueMs": 99, "protective": False},
        ),
        (
            PositionSettled(price_ticks=250_000, position_lots=-20, leg=leg(0, 7)),
            {
                "event": "PositionSettled",
                "price": "25000",
                "qty": "0.02",
                "realizedPnl": "-4",
                "returned": "5",
                "liquidationFee": "0",
                "insuranceCover": "0",
                "lossShare": "0",
            },
        ),
        (
            cancelled(of_whole_position=True),
            CANCELLED | {"cancelledQty": None, "remainingQty": None},
        ),
        (
            cancelled(of_whole_position=False),
            CANCELLED | {"cancelledQty": "0.001", "remainingQty": "0"},
        ),
    ],
)
def test_what_is_told(event: Event, expected: dict[str, Any]) -> None:
    assert heard(event, 7) == [expected]
    assert heard(event, 8) == []


ORDER_EVENTS: list[Event] = [
    OrderAccepted(
        order_id=5, account_id=7, side=Side.LONG, price_ticks=1, size_lots=1, released_units=0
    ),
    OrderRejected(order_id=5, account_id=7, code=RejectCode.NO_POSITION, released_units=0),
    OrderWaiting(order_id=5, account_id=7, arrival=1, released_units=0),
    amended_condition(OrderType.LIMIT, 250_000, 0),
    OrderAttached(order_id=5, account_id=7, parent_id=6, released_units=0),
    CoverChanged(order_id=5, account_id=7, covered_lots=20, arrival=3),
    CancelRejected(order_id=5, account_id=7, code=RejectCode.UNKNOWN_ORDER),
    Trade(
        trade_id=1,
        execution=ExecutionType.TRADE,
        price_ticks=250_000,
        size_lots=20,
        taker_side=Side.SHORT,
        taker=leg(4, 8),
        maker=leg(5, 7),
    ),
]


@pytest.mark.parametrize("event", ORDER_EVENTS)
def test_events_of_orders_carry_their_client_order_ids(event: Event) -> None:
    entry = OutputEntry(seq=3, input_id="5-0", time_ms=5, command_id=0, events=(event,))
    assert orders_of(entry, {7, 9}) == {(7, 5)}
    for label in ("mine", None):
        (told,) = heard(event, 7, {(7, 5): OrderLabel(label)})
        assert told["clientOrderId"] == label
        assert "algoId" not in told
    (told,) = heard(event, 7, {(8, 5): OrderLabel("theirs"), (7, 4): OrderLabel("another")})
    assert "clientOrderId" not in told  # not known: neither an id nor that there is none
    (told,) = heard(event, 7, {(7, 5): OrderLabel("algo-3-1", 3)})
    assert (told["clientOrderId"], told["algoId"]) == ("algo-3-1", 3)


def test_every_event_that_names_an_order_is_asked_for() -> None:
    """Of the messages' own fields, so that an event that comes later is not forgotten."""
    naming = [event for event in get_args(Event) if "order_id" in event.__struct_fields__]
    assert naming
    assert all("account_id" in event.__struct_fields__ for event in naming)


def liquidated(equity_units: int) -> PositionLiquidated:
    """A long of 0.3 from 2,500, at a mark of 2,250: needed are 6.75 and 3.375 for the fee."""
    return PositionLiquidated(
        account_id=7,
        mark_price_ticks=22_500,
        position_lots=300,
        entry_cost_units=75_000_000,
        margin_units=equity_units + 7_500_000,
        equity_units=equity_units,
        maintenance_units=6_750_000,
        fee_reserve_units=3_375_000,
        limit_ticks=20_250,
        cancelled_orders=1,
        filled_lots=100,
        deleveraged_lots=0,
        fee_units=500_000,
        insurance_paid_units=0,
        left_lots=200,
        returned_units=0,
    )


@pytest.mark.parametrize(
    ("equity_units", "equity", "ratio"),
    [
        (10_124_999, "10.124999", "1.000001"),  # one unit short: rounded up, never to 1
        (4_000_000, "4", "2.53125"),
        (3_000_000, "3", "3.375"),
        (1, "0.000001", "10125000"),
        (0, "0", None),
        (-5, "-0.000005", None),
    ],
)
def test_a_liquidation_says_what_it_was_judged_by(
    equity_units: int, equity: str, ratio: str | None
) -> None:
    (told,) = heard(liquidated(equity_units), 7)
    assert told == {
        "event": "PositionLiquidated",
        "markPrice": "2250",
        "qty": "0.3",
        "leftQty": "0.2",
        "equity": equity,
        "maintenance": "6.75",
        "feeReserve": "3.375",
        "marginRatio": ratio,
        "liquidationFee": "0.5",
        "returned": "0",
    }
    assert heard(liquidated(equity_units), 8) == []
