"""unicorn-binance-websocket-api: streams of markets, and calls over a socket.

Streams of accounts it opens only after it asked another house of the venue for the time, whose
address nobody can change.
"""

import json
import time
from collections import Counter
from typing import Any

from telling import given, seen, traded
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

SYMBOL = "BTCUSDT"
# Those of one connection, by what is heard there.
MARKET_STREAMS = (
    {"bookTicker": "bookTicker", "depth@100ms": "depthUpdate"},
    {
        "aggTrade": "aggTrade",
        "kline_1m": "kline",
        "markPrice@1s": "markPriceUpdate",
        "ticker": "24hrTicker",
    },
)
PATIENCE_S = 60.0


def calls(manager: Any, stream: str) -> None:
    """Answers are taken out of the stream: its own waiting misses one that is quick."""
    api = manager.api.futures

    def ask(call: Any, **said: Any) -> Any:
        asked = f"{call.__name__}-{time.monotonic_ns()}"
        call(stream_id=stream, request_id=asked, **said)

        def answer() -> Any:
            text = manager.pop_stream_data_from_stream_buffer(stream)
            found = json.loads(text) if text else {}
            return found if found.get("id") == asked else None

        return _until(answer)

    seen("ping", ask(api.ping)["status"] == 200)
    told_ms = ask(api.get_server_time)["result"]["serverTime"]
    seen("get_server_time", abs(told_ms / 1_000 - time.time()) < 60)
    book = ask(api.get_order_book, symbol=SYMBOL, limit=5)["result"]
    seen("get_order_book", book["bids"] and book["asks"], book)
    best = ask(api.get_ticker_order_book, symbol=SYMBOL)["result"]
    seen("get_ticker_order_book", best["symbol"] == SYMBOL, best)
    low = round(float(book["bids"][0][0]) * 0.96, 1)
    said = {"symbol": SYMBOL, "side": "BUY", "recv_window": 60_000}
    order = ask(
        api.create_order, order_type="LIMIT", quantity=0.01, price=low, time_in_force="GTC", **said
    )
    seen("create_order", order["status"] == 200, order)
    which = {"symbol": SYMBOL, "order_id": order["result"]["orderId"], "recv_window": 60_000}
    seen("get_order", ask(api.get_order, **which)["result"]["status"] == "NEW")
    changed = ask(api.modify_order, side="BUY", quantity=0.02, price=low, **which)
    seen("modify_order", float(changed["result"]["origQty"]) == 0.02, changed)
    gone = ask(api.cancel_order, **which)
    seen("cancel_order", gone["result"]["status"] == "CANCELED", gone)
    twice = ask(api.cancel_order, **which)
    seen("what is refused", twice["error"]["code"] == -2011, twice)
    bought = ask(api.create_order, order_type="MARKET", quantity=0.01, **said)
    seen("a market order", bought["status"] == 200, bought)
    held = _until(lambda: ask(api.get_account_position, version="v2", recv_window=60_000)["result"])
    seen("get_account_position", held and float(held[0]["positionAmt"]) == 0.01, held)
    seen("get_account_balance", ask(api.get_account_balance, recv_window=60_000)["result"])
    status = ask(api.get_account_status, recv_window=60_000)["result"]
    seen("get_account_status", status["canTrade"], status)
    said["side"] = "SELL"
    ask(api.create_order, order_type="MARKET", quantity=0.01, reduce_only=True, **said)


def _until(look: Any) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def kinds_of(manager: Any, stream: str, wanted: set[str]) -> Counter[str]:
    """What came, once all that is wanted did or it was waited for long enough."""
    kinds: Counter[str] = Counter()

    def are_all_there() -> bool:
        while text := manager.pop_stream_data_from_stream_buffer(stream):
            event = json.loads(text)
            kinds[str(event.get("data", event).get("e"))] += 1
        return wanted <= kinds.keys()

    _until(are_all_there)
    return kinds


def main() -> None:
    base, key, _ = given()
    sockets = base.replace("http", "ws", 1)
    manager = BinanceWebSocketApiManager(
        exchange="binance.com-futures",
        warn_on_update=False,
        restful_base_uri=f"{base}/fapi",
        websocket_base_uri=f"{sockets}/fstream/",
        websocket_api_base_uri=f"{sockets}/ws-fapi/v1",
    )
    streams = [
        (manager.create_stream(list(one), [SYMBOL.lower()], stream_buffer_name=True), one)
        for one in MARKET_STREAMS
    ]
    socket = manager.create_stream(
        api=True, api_key=key["key"], api_secret=key["secret"], stream_buffer_name=True
    )
    try:
        for one in (*(stream for stream, _ in streams), socket):
            manager.wait_till_stream_has_started(one)
        calls(manager, socket)
        for stream, kinds in streams:
            wanted = set(kinds.values())
            heard = kinds_of(manager, stream, wanted)
            for kind in sorted(wanted):
                seen(f"stream {kind}", heard[kind], heard)
    finally:
        manager.stop_manager()
    traded(0.01, 0.01)


if __name__ == "__main__":
    main()
