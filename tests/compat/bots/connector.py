"""binance-futures-connector: REST calls and combined streams."""

import json
import time
from collections import Counter
from typing import Any

from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient
from telling import given, seen, traded

SYMBOL = "BTCUSDT"
PATIENT = {"recvWindow": 60_000}
STREAMS = {
    "aggTrade",
    "kline",
    "bookTicker",
    "depthUpdate",
    "markPriceUpdate",
    "ORDER_TRADE_UPDATE",
    "ACCOUNT_UPDATE",
}


def market_data(client: UMFutures) -> None:
    seen("server time", abs(client.time()["serverTime"] / 1_000 - time.time()) < 60)
    rules = {one["symbol"]: one for one in client.exchange_info()["symbols"]}
    seen("exchange rules", rules[SYMBOL]["status"] == "TRADING")
    seen("order book", client.depth(SYMBOL, limit=5)["asks"])
    seen("candles", len(client.klines(SYMBOL, "1m", limit=2)[-1]) == 12)
    for call in (
        client.book_ticker,
        client.ticker_price,
        client.ticker_24hr_price_change,
        client.open_interest,
    ):
        seen(call.__name__, call(SYMBOL)["symbol"] == SYMBOL)
    for call in (client.open_interest_hist, client.long_short_account_ratio):
        seen(call.__name__, isinstance(call(SYMBOL, "5m"), list))


def orders(client: UMFutures, low: float) -> None:
    said = {"symbol": SYMBOL, "side": "BUY", **PATIENT}
    order = client.new_order(type="LIMIT", quantity=0.01, timeInForce="GTC", price=low, **said)
    which = {"symbol": SYMBOL, "orderId": order["orderId"], **PATIENT}
    changed = client.modify_order(side="BUY", quantity=0.02, price=low, **which)
    seen("modify_order", float(changed["origQty"]) == 0.02, changed)
    seen("query_order", client.query_order(**which)["status"] == "NEW")
    seen("get_orders", len(client.get_orders(symbol=SYMBOL, **PATIENT)) == 1)
    seen("cancel_order", client.cancel_order(**which)["status"] == "CANCELED")
    stop = client.new_order(
        symbol=SYMBOL,
        side="SELL",
        type="STOP_MARKET",
        stopPrice=low,
        quantity=0.01,
        reduceOnly="true",
        **PATIENT,
    )
    seen("stop order", stop["status"] == "NEW", stop)
    seen("cancel_open_orders", client.cancel_open_orders(SYMBOL, **PATIENT)["code"] == 200)


def trade(client: UMFutures, streams: UMFuturesWebsocketClient) -> dict[str, Any]:
    streams.user_data(client.new_listen_key()["listenKey"], id=1)
    streams.agg_trade("btcusdt", id=2)
    streams.kline("btcusdt", "1m", id=3)
    streams.book_ticker("btcusdt", id=4)
    streams.partial_book_depth("btcusdt", level=5, speed=100, id=5)
    streams.mark_price("btcusdt", 1, id=6)
    time.sleep(5)
    said = {"symbol": SYMBOL, "type": "MARKET", "quantity": 0.01, **PATIENT}
    bought = client.new_order(side="BUY", **said)
    mark = float(client.mark_price(SYMBOL)["markPrice"])
    time.sleep(5)
    orders(client, round(mark * 0.96, 1))
    held = client.get_position_risk(symbol=SYMBOL, **PATIENT)
    seen("get_position_risk", float(held[0]["positionAmt"]) == 0.01, held)
    client.new_order(side="SELL", reduceOnly="true", **said)
    time.sleep(5)
    return bought


def main() -> None:
    base, key, _ = given()
    client = UMFutures(key=key["key"], secret=key["secret"], base_url=base, timeout=60)
    market_data(client)
    heard: list[str] = []
    client.change_leverage(symbol=SYMBOL, leverage=5, **PATIENT)
    streams = UMFuturesWebsocketClient(
        stream_url=base.replace("http", "ws", 1) + "/fstream",
        on_message=lambda _, message: heard.append(message),
        is_combined=True,
    )
    try:
        bought = trade(client, streams)
    finally:
        streams.stop()  # its thread would keep the script
    kinds = Counter(json.loads(text).get("data", {}).get("e") for text in heard)
    for kind in sorted(STREAMS):
        seen(f"stream {kind}", kinds[kind], kinds)
    trades = client.get_account_trades(SYMBOL, **PATIENT)
    seen("get_account_trades", trades[0]["orderId"] == bought["orderId"], trades)
    seen("get_income_history", client.get_income_history(**PATIENT))
    of = {side: sum(float(one["qty"]) for one in trades if one["side"] == side) for side in SIDES}
    traded(of["BUY"], of["SELL"])


SIDES = ("BUY", "SELL")

if __name__ == "__main__":
    main()
