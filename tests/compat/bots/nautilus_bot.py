"""nautilus_trader: its Binance adapter's data and execution clients, a strategy, reconciliation."""

import os
import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import BookType, OrderSide, TriggerType
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy
from telling import given, seen, traded

MARKET = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
MINUTES = BarType.from_str("BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL")
STEP_S = 5
DATA = ("quote", "trade", "deltas", "mark", "historical")


class Journey(Strategy):
    """One thing every few seconds; what came of it is looked at with the next."""

    def on_start(self) -> None:
        self.heard: set[str] = set()
        self.refused: list[str] = []
        self.bought = self.sold = Decimal(0)
        self.instrument = self.cache.instrument(MARKET)
        self.subscribe_quote_ticks(MARKET)
        self.subscribe_trade_ticks(MARKET)
        self.subscribe_order_book_deltas(MARKET, BookType.L2_MBP)
        self.subscribe_mark_prices(MARKET)
        self.request_bars(MINUTES, start=self.clock.utc_now() - pd.Timedelta(minutes=30))
        self.steps: list[Callable[[], None]] = [
            self.rest,
            self.change,
            self.cancel,
            self.buy,
            self.protect,
            self.close,
            self.rest,
            self.end,
        ]
        self.clock.set_timer("steps", pd.Timedelta(seconds=STEP_S), callback=self.on_step)

    def on_quote_tick(self, tick: Any) -> None:
        self.bid = float(tick.bid_price)
        self.heard.add("quote")

    def on_trade_tick(self, tick: Any) -> None:
        self.heard.add("trade")

    def on_order_book_deltas(self, deltas: Any) -> None:
        self.heard.add("deltas")

    def on_mark_price(self, price: Any) -> None:
        self.heard.add("mark")

    def on_historical_data(self, data: Any) -> None:
        self.heard.add("historical")

    def on_order_rejected(self, event: Any) -> None:
        self.refused.append(str(event))

    on_order_modify_rejected = on_order_cancel_rejected = on_order_rejected

    def on_order_filled(self, event: Any) -> None:
        if event.order_side is OrderSide.BUY:
            self.bought += event.last_qty.as_decimal()
        else:
            self.sold += event.last_qty.as_decimal()

    def on_step(self, event: Any) -> None:
        if hasattr(self, "bid"):
            self.steps.pop(0)()

    def qty(self, text: str) -> Any:
        return self.instrument.make_qty(Decimal(text))

    def rest(self) -> None:
        price = self.instrument.make_price(self.bid * 0.97)
        self.order = self.order_factory.limit(
            MARKET, OrderSide.BUY, self.qty("0.010"), price, post_only=True
        )
        self.submit_order(self.order)

    def change(self) -> None:
        seen("a limit order rests", self.order.status_string() == "ACCEPTED", self.order)
        price = self.instrument.make_price(self.bid * 0.96)
        self.modify_order(self.order, quantity=self.qty("0.020"), price=price)

    def cancel(self) -> None:
        seen("it is changed", self.order.quantity == self.qty("0.020"), self.order)
        self.cancel_order(self.order)

    def buy(self) -> None:
        seen("it is cancelled", self.order.status_string() == "CANCELED", self.order)
        self.order = self.order_factory.market(MARKET, OrderSide.BUY, self.qty("0.020"))
        self.submit_order(self.order)

    def protect(self) -> None:
        seen("a market order is filled", self.order.status_string() == "FILLED", self.order)
        seen("its position is open", len(self.cache.positions_open()) == 1)
        price = self.instrument.make_price(self.bid * 0.95)
        self.order = self.order_factory.stop_market(
            MARKET,
            OrderSide.SELL,
            self.qty("0.020"),
            price,
            trigger_type=TriggerType.MARK_PRICE,
            reduce_only=True,
        )
        self.submit_order(self.order)

    def close(self) -> None:
        seen("a stop waits", self.order.status_string() == "ACCEPTED", self.order)
        self.close_all_positions(MARKET)

    def end(self) -> None:
        seen("the position is closed", not self.cache.positions_open())
        self.cancel_all_orders(MARKET)
        self.clock.cancel_timers()
        self.clock.set_time_alert(
            "over",
            self.clock.utc_now() + pd.Timedelta(seconds=STEP_S),
            lambda _: os.kill(os.getpid(), signal.SIGINT),
        )


def main() -> None:
    base, key, _ = given()
    common = {
        "api_key": key["key"],
        "api_secret": key["secret"],
        "account_type": BinanceAccountType.USDT_FUTURES,
        "base_url_http": base,
        "base_url_ws": base.replace("http", "ws", 1) + "/fstream",
        "instrument_provider": InstrumentProviderConfig(load_ids=frozenset({MARKET})),
    }
    node = TradingNode(
        TradingNodeConfig(
            trader_id=TraderId("COMPAT-001"),
            logging=LoggingConfig(log_level="ERROR"),
            exec_engine=LiveExecEngineConfig(reconciliation=True),
            data_clients={BINANCE: BinanceDataClientConfig(**common)},
            exec_clients={BINANCE: BinanceExecClientConfig(**common)},
            timeout_connection=60.0,
            timeout_reconciliation=60.0,
        )
    )
    journey = Journey()
    node.trader.add_strategy(journey)
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    node.build()
    try:
        node.run()
    finally:
        node.dispose()
    for kind in DATA:
        seen(f"data: {kind}", kind in journey.heard, journey.heard)
    seen("nothing was refused", not journey.refused, journey.refused)
    traded(float(journey.bought), float(journey.sold))


if __name__ == "__main__":
    main()
