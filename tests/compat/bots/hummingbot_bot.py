"""hummingbot: its connector `binance_perpetual` with its clock, books, user stream and orders.

Nothing of it is changed but the two constants that say where the venue is.
"""

import asyncio
from decimal import Decimal
from typing import Any

from hummingbot.connector.derivative.binance_perpetual import (
    binance_perpetual_constants as constants,
)
from hummingbot.connector.derivative.binance_perpetual.binance_perpetual_derivative import (
    BinancePerpetualDerivative,
)
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType, PositionAction
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import MarketEvent
from telling import given, seen, traded

PAIR = "BTC-USDT"
SIZE = Decimal("0.01")
PATIENCE_S = 60
HEARD = (
    MarketEvent.OrderFilled,
    MarketEvent.OrderCancelled,
    MarketEvent.OrderFailure,
    MarketEvent.BuyOrderCompleted,
    MarketEvent.SellOrderCompleted,
)


class Bot:
    def __init__(self, connector: Any) -> None:
        self.connector = connector
        self.heard = {kind: EventLogger() for kind in HEARD}
        for kind, logger in self.heard.items():
            connector.add_listener(kind, logger)

    def events(self, kind: MarketEvent) -> list[Any]:
        return list(self.heard[kind].event_log)

    def of(self, kind: MarketEvent, order_id: str) -> list[Any]:
        return [event for event in self.events(kind) if event.order_id == order_id]

    async def run(self) -> dict[str, float]:
        """What it bought and sold."""
        await self._market()
        await self._orders()
        failures = self.events(MarketEvent.OrderFailure)
        seen("no order failed", not failures, failures)
        fills = self.events(MarketEvent.OrderFilled)
        return {
            side: sum(float(one.amount) for one in fills if one.trade_type.name == side)
            for side in ("BUY", "SELL")
        }

    async def _market(self) -> None:
        connector = self.connector
        await until(lambda: connector.ready)
        for what, is_so in connector.status_dict.items():
            seen(what, is_so)
        rule = connector.trading_rules.get(PAIR)
        seen("trading rules", rule and rule.min_price_increment == Decimal("0.1"), rule)
        seen("balances", connector.get_balance("USDT") > 0)
        book = connector.get_order_book(PAIR)
        before = book.last_diff_uid
        seen("diffs of the book", await until(lambda: book.last_diff_uid > before), before)
        bid, ask = connector.get_price(PAIR, False), connector.get_price(PAIR, True)
        seen("best prices", 0 < bid < ask, (bid, ask))
        funding = connector.get_funding_info(PAIR)
        seen("funding", funding.mark_price > 0 and funding.next_funding_utc_timestamp > 0, funding)

    async def _orders(self) -> None:
        connector = self.connector
        low = connector.quantize_order_price(
            PAIR, connector.get_price(PAIR, False) * Decimal("0.96")
        )
        resting = connector.buy(
            PAIR, SIZE, OrderType.LIMIT, low, position_action=PositionAction.OPEN
        )
        orders = connector.in_flight_orders
        is_open = await until(lambda: resting in orders and orders[resting].is_open)
        seen("a limit order rests", is_open, orders)
        connector.cancel(PAIR, resting)
        gone = await until(lambda: self.of(MarketEvent.OrderCancelled, resting))
        seen("it is cancelled", gone, orders)
        crossing = connector.quantize_order_price(
            PAIR, connector.get_price(PAIR, True) * Decimal("1.002")
        )
        bought = connector.buy(
            PAIR, SIZE, OrderType.LIMIT, crossing, position_action=PositionAction.OPEN
        )
        filled = await until(lambda: self.of(MarketEvent.BuyOrderCompleted, bought))
        seen("a limit order is filled", filled, orders)
        seen("its fills are told", self.of(MarketEvent.OrderFilled, bought))
        held = await until(lambda: self._position() == SIZE)
        seen("its position is open", held, connector.account_positions)
        sold = connector.sell(PAIR, SIZE, OrderType.MARKET, position_action=PositionAction.CLOSE)
        closed = await until(lambda: self.of(MarketEvent.SellOrderCompleted, sold))
        seen("a market order closes it", closed, orders)
        seen("no position is left", await until(lambda: self._position() == 0))

    def _position(self) -> Decimal:
        return sum((one.amount for one in self.connector.account_positions.values()), Decimal(0))


async def until(look: Any) -> Any:
    for _ in range(PATIENCE_S * 10):
        if found := look():
            return found
        await asyncio.sleep(0.1)
    return look()


async def main() -> dict[str, float]:
    base, key, _ = given()
    constants.PERPETUAL_BASE_URL = f"{base}/fapi/"
    constants.PERPETUAL_WS_URL = f"{base.replace('http', 'ws', 1)}/fstream/"
    connector = BinancePerpetualDerivative(
        binance_perpetual_api_key=key["key"],
        binance_perpetual_api_secret=key["secret"],
        trading_pairs=[PAIR],
    )
    with Clock(ClockMode.REALTIME, tick_size=1.0) as clock:
        clock.add_iterator(connector)
        ticking = asyncio.create_task(clock.run())
        try:
            return await Bot(connector).run()
        finally:
            ticking.cancel()
            await connector.stop_network()


if __name__ == "__main__":
    sides = asyncio.run(main())
    traded(sides["BUY"], sides["SELL"])
