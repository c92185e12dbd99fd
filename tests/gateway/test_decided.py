"""An order whose engine has decided is answered so, however long nobody asked for the rules."""

import asyncio
import json
from typing import Any

import pytest

from gateway.asking.params import Params
from gateway.asking.signing import Signed
from gateway.orders.app import VenueOrders
from gateway.orders.shown import of_new
from gateway.orders.tongue import VenueAct, VenueCall
from markets.rules import forget_markets, market_rules
from matching.messages.events import OrderRested, OutputEntry
from matching.messages.vocabulary import OrderType, Side
from tests.trading.client import make_market
from trading.intake.tongue import WrittenAnswer
from trading.orders.request import NewOrder

ORDER_ID = 7


class _Decided:
    async def of(self, *_: Any) -> dict[int, OutputEntry]:
        rested = OrderRested(
            order_id=ORDER_ID,
            account_id=1,
            side=Side.LONG,
            price_ticks=250_000,
            remaining_lots=500,
            arrival=1,
            released_units=0,
        )
        return {
            ORDER_ID: OutputEntry(seq=2, input_id="1-0", time_ms=1, command_id=0, events=(rested,))
        }


@pytest.mark.django_db(transaction=True)
def test_rules_that_are_old_by_then_are_read() -> None:
    market = make_market()
    new = NewOrder(
        market_id=market.pk, side=Side.LONG, order_type=OrderType.LIMIT, qty="0.5", price="25000"
    )
    call = VenueCall(VenueAct.PLACE, Signed("", b"", b"", Params()))
    call.shown = [of_new(ORDER_ID, new, market_rules(market.pk), 0)]
    nobody: Any = None
    decisions: Any = _Decided()
    forget_markets()

    async def answer() -> WrittenAnswer:
        app = VenueOrders(nobody, nobody, decisions)
        return await app._decided(call, WrittenAnswer(200, b"as it was", {}))

    assert json.loads(asyncio.run(answer()).body)["status"] == "NEW"
