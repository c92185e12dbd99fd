"""An account's view, event by event."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from exchange_client import UnexpectedAnswer
from exchange_client.codec import decode
from exchange_client.feeds.account_events import OtherEvent, events_of
from exchange_client.feeds.account_view import AccountView
from exchange_client.models.account import Snapshot


def view_with(money: str = "100") -> AccountView:
    view = AccountView()
    equity = dict.fromkeys(("available", "locked", "margin", "unrealizedPnl", "equity"), "0")
    body = {"seq": {"X": 1}, "equity": equity | {"locked": money}, "positions": [], "orders": []}
    view.begin(decode(json.dumps(body), Snapshot))
    return view


def apply(view: AccountView, *events: dict[str, Any]) -> None:
    written = [msgspec.Raw(json.dumps(event).encode()) for event in events]
    assert view.apply("X", view.seq["X"] + 1, events_of(written))


def of_order(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {"event": name, "orderId": 7, "clientOrderId": "mine", "status": status, **more}


def fill(remaining: str, status: str, **more: Any) -> dict[str, Any]:
    money = dict.fromkeys(("liquidationFee", "insuranceCover", "lossShare", "realizedPnl"), "0")
    return {
        **of_order("Fill", status, side="SHORT", price="10", qty="2", remainingQty=remaining),
        **{"tradeId": 1, "execution": "TRADE", "role": "MAKER", "fee": "0.5"},
        **money,
        **more,
    }


def test_an_order_comes_rests_fills_and_goes() -> None:
    view = view_with()
    apply(view, of_order("OrderAccepted", "open", side="SHORT", price="10", qty="5"))
    apply(view, of_order("OrderRested", "open", side="SHORT", price="10", remainingQty="5"))
    apply(view, fill("3", "open"))
    (order,) = view.open_orders("X")
    assert (order.client_order_id, order.side, order.remaining_qty) == (
        "mine",
        "SHORT",
        Decimal(3),
    )
    amended = {"price": "11", "qty": "6", "remainingQty": "4", "keptPriority": False}
    apply(view, of_order("OrderAmended", "open", **amended))
    part = {"reason": "TRIMMED", "cancelledQty": "1", "remainingQty": "3"}
    apply(view, of_order("OrderCancelled", "open", **part))
    assert view.open_orders()[0].remaining_qty == 3
    apply(view, {"event": "CancelRejected", "orderId": 7, "reason": "X"})
    assert view.open_orders("Y") == []
    rest = {"reason": "USER", "cancelledQty": "3", "remainingQty": "0"}
    apply(view, of_order("OrderCancelled", "cancelled", **rest))
    assert view.open_orders() == []
    assert view.money == Decimal("99.5")


def test_an_order_that_waits_and_fires() -> None:
    view = view_with()
    apply(view, of_order("OrderWaiting", "waiting"))
    fired = {"referencePrice": "9", "qty": "2"}
    apply(view, of_order("OrderTriggered", "waiting", **fired))
    (order,) = view.open_orders()
    assert (order.status, order.remaining_qty, order.price) == ("waiting", Decimal(2), None)
    apply(view, of_order("OrderRejected", "rejected", reason="MARKET_FULL"))
    assert view.open_orders() == []


def test_an_order_attached_to_an_entry_sleeps_and_follows_it() -> None:
    view = view_with()
    apply(view, of_order("OrderAttached", "asleep", parentId=6))
    assert view.open_orders()[0].status == "asleep"
    apply(view, of_order("CoverChanged", "waiting", qty="2"))
    trigger = {"price": "9", "callback": None}
    amended = {"price": "8", "qty": "2", "trigger": trigger}
    apply(view, of_order("ConditionalAmended", "waiting", **amended))
    (order,) = view.open_orders()
    assert (order.status, order.remaining_qty, order.price) == ("waiting", Decimal(2), Decimal(8))
    ended = {"reason": "PARENT_ENDED", "cancelledQty": "2", "remainingQty": "0"}
    apply(view, of_order("OrderCancelled", "cancelled", **ended))
    assert view.open_orders() == []


def test_equity_is_exact() -> None:
    view = view_with()
    short = {"type": "SHORT", "qty": "0.003", "margin": "10", "averagePrice": "25000.1333333"}
    apply(view, {"event": "PositionChanged", **short})
    # The cost is whole millionths: 75.0004, not 75.0003999999.
    assert view.equity({"X": Decimal(25010)}) == 100 - (Decimal("75.03") - Decimal("75.0004"))
    paid = {"rate": "0.0001", "markPrice": "25010", "amountPerLot": "1", "margin": "9"}
    apply(view, {"event": "FundingSettled", "amount": "-2", "fromProfit": "1", **paid})
    assert view.money == 99
    assert view.position("X").margin == 9
    with pytest.raises(KeyError):
        view.equity({})
    zero = dict.fromkeys(("liquidationFee", "insuranceCover", "lossShare"), "0")
    apply(
        view,
        {
            **{"event": "PositionSettled", "price": "25000", "qty": "0.003", "returned": "9"},
            **{"realizedPnl": "0.5", **zero},
        },
    )
    assert view.equity({}) == Decimal("99.5")


def test_a_forced_fill_has_no_order() -> None:
    view = view_with()
    apply(view, fill("0", "filled") | {"orderId": None, "remainingQty": None, "status": None})
    assert view.open_orders() == []
    assert view.money == Decimal("99.5")


def test_what_it_has_is_not_applied_again() -> None:
    view = view_with()
    events = events_of([msgspec.Raw(json.dumps(fill("0", "filled")).encode())])
    assert view.apply("X", 5, events)
    assert not view.apply("X", 5, events)
    assert not view.apply("X", 4, events)
    assert view.money == Decimal("99.5")


def test_events_to_come_are_told_and_broken_ones_are_not_taken() -> None:
    (event,) = events_of([msgspec.Raw(b'{"event": "Tomorrow", "x": "1"}')])
    assert event == OtherEvent("Tomorrow", {"event": "Tomorrow", "x": "1"})
    with pytest.raises(UnexpectedAnswer):
        events_of([msgspec.Raw(b'{"event": "Fill"}')])
