"""An order keeps every term it was placed with when its engine starts over from Postgres. The other
paths are in `tests.matching.test_terms_kept`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from markets.models import Market
from matching.messages.vocabulary import (
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from persistence.recovery.starting_points import make_starting_point
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange
from trading.models import Order
from trading.orders.request import NewOrder, NewTrigger, OrderChanges, TriggerChanges
from trading.services import amend_order, configure_market, place_order, set_countdown

LATER = datetime(2100, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
STOP = NewTrigger(type=TriggerKind.STOP, by=TriggerBy.LAST, price="23000")


def places(exchange: Exchange, **terms: Any) -> int:
    """Alice, to sell 0.01 at 25,500 if nothing else is said."""
    named = {"leverage": 10} if "margin" not in terms and not terms.get("reduce_only") else {}
    new = {
        "market_id": MARKET,
        "side": Side.SHORT,
        "order_type": OrderType.LIMIT,
        "qty": "0.01",
        "price": "25500",
        **named,
        **terms,
    }
    if terms.get("close_position"):
        del new["qty"]
    return place_order(exchange.alice.pk, NewOrder(**new)).order_id


def starts_over(exchange: Exchange) -> None:
    exchange.settle()
    exchange.assert_sound()
    make_starting_point(MARKET, "a test of it")
    exchange.move_index(MARK_TICKS)
    exchange.settle()
    exchange.assert_sound()


def amends(exchange: Exchange, order_id: int, price: str) -> None:
    amend_order(exchange.alice.pk, order_id, OrderChanges(price=price))
    exchange.settle()


@pytest.mark.parametrize("is_amended", [False, True])
def test_open_orders(exchange: Exchange, is_amended: bool) -> None:
    exchange.start()
    orders = {
        prevention: places(exchange, self_trade_prevention=prevention)
        for prevention in SelfTradePrevention
    }
    maker_only = places(exchange, post_only=True)
    named = places(exchange, margin="77.77")
    until = places(exchange, expires_at=LATER)
    steep = places(exchange, leverage=3)
    everything = [*orders.values(), maker_only, named, until, steep]
    exchange.settle()
    if is_amended:
        for order_id in everything:
            amends(exchange, order_id, "25400")
    starts_over(exchange)
    assert Order.objects.filter(pk__in=everything, status="open").count() == len(everything)
    price = "25400" if is_amended else "25500"
    # What each does when it is moved to a bid of the same trader's.
    for prevention, order_id in orders.items():
        own = places(exchange, side=Side.LONG, price="25100")
        exchange.settle()
        amends(exchange, order_id, "25100")
        ended = dict(Order.objects.filter(pk__in=[own, order_id]).values_list("pk", "status"))
        maker_goes = prevention is not SelfTradePrevention.EXPIRE_TAKER
        taker_goes = prevention is not SelfTradePrevention.EXPIRE_MAKER
        assert (ended[own] == "cancelled") is maker_goes
        assert (ended[order_id] == "cancelled") is taker_goes
        if not taker_goes:
            amends(exchange, order_id, "25900")
        if not maker_goes:
            exchange.place(exchange.bob, Side.SHORT, 10, 251_000)
            exchange.settle()
    exchange.place(exchange.bob, Side.LONG, 1, 251_000)
    exchange.settle()
    amends(exchange, maker_only, "25100")
    assert Order.objects.get(pk=maker_only).reason == "POST_ONLY_WOULD_TAKE"
    for order_id in (named, until, steep):
        assert Order.objects.get(pk=order_id).price_ticks == int(price) * 10
    assert Order.objects.get(pk=until).expires_at == LATER
    exchange.assert_sound()


def test_orders_that_wait(exchange: Exchange) -> None:
    """And a countdown that takes protection along, and an interval of funding that was split."""
    exchange.start()
    exchange.place(exchange.bob, Side.SHORT, 30)
    exchange.place(exchange.alice, Side.LONG, 30)
    exchange.settle()
    reducing = [
        places(exchange, trigger=STOP, price="22900", reduce_only=True, time_in_force=tif)
        for tif in (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
    ]
    closing = places(exchange, trigger=STOP, price="22900", reduce_only=True, close_position=True)
    profit = NewTrigger(type=TriggerKind.TAKE_PROFIT, by=TriggerBy.MARK, price="26000")
    entries = [
        places(exchange, trigger=profit, self_trade_prevention=prevention, expires_at=LATER)
        for prevention in SelfTradePrevention
    ]
    named = places(exchange, trigger=profit, margin="99", post_only=True)
    at_market = {"order_type": OrderType.MARKET, "price": None, "max_slippage": "0.004"}
    entries += [places(exchange, trigger=profit, **at_market)]
    reducing += [places(exchange, trigger=STOP, reduce_only=True, **at_market)]
    trailing = NewTrigger(
        type=TriggerKind.TRAILING_STOP, by=TriggerBy.MARK, price="27000", callback="0.02"
    )
    trailed = places(exchange, trigger=trailing, price="20000", reduce_only=True)
    exchange.settle()
    for order_id, change in (
        (closing, TriggerChanges(price="22950")),
        (reducing[0], TriggerChanges(price="22940")),
        (trailed, TriggerChanges(price="27500", callback="0.03")),
    ):
        amend_order(exchange.alice.pk, order_id, OrderChanges(trigger=change))
    amend_order(exchange.alice.pk, named, OrderChanges(qty="0.02", price="25600"))
    set_countdown(exchange.alice.pk, MARKET, 3_600_000, protective=True)
    market = Market.objects.get(pk=MARKET)
    market.funding_interval_ms = 3_600_000
    configure_market(market, by=None)
    exchange.settle()
    starts_over(exchange)
    waiting = [*reducing, closing, *entries, named, trailed]
    assert Order.objects.filter(pk__in=waiting, status="waiting").count() == len(waiting)
    assert Order.objects.get(pk=named).margin_units == 2 * 99_000_000
    assert [
        (order.trigger_price_ticks, order.trigger_callback_ppm)
        for order in Order.objects.filter(pk__in=[closing, reducing[0], trailed]).order_by("pk")
    ] == [(229_400, 0), (229_500, 0), (275_000, 30_000)]
    # They go with their position, which the new engine knows them to protect.
    exchange.place(exchange.bob, Side.LONG, 30)
    exchange.place(exchange.alice, Side.SHORT, 30)
    exchange.settle()
    gone = Order.objects.filter(reason="POSITION_CLOSED").order_by("pk")
    assert list(gone.values_list("pk", flat=True)) == sorted([*reducing, closing, trailed])
    exchange.assert_sound()


def test_times_are_kept_to_the_millisecond(exchange: Exchange) -> None:
    exchange.start()
    at = LATER + timedelta(milliseconds=1)
    order_id = places(exchange, expires_at=at)
    starts_over(exchange)
    assert Order.objects.get(pk=order_id).expires_at == at
