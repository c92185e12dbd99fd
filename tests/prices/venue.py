"""A venue on this machine: what Bitstamp's public API answers, over HTTP, or fails to."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str]
PAIRS = ("BTC/USD", "BTC/EUR", "BTC/USDC", "ETH/USD")


def listing(pairs: tuple[str, ...]) -> str:
    """As of GET /api/v2/markets/."""
    return json.dumps(
        [
            {
                "name": pair,
                "market_symbol": pair.replace("/", "").lower(),
                "base_currency": pair.split("/", maxsplit=1)[0],
                "base_decimals": 8,
                "counter_currency": pair.split("/", maxsplit=1)[1],
                "counter_decimals": 2,
                "minimum_order_value": "10",
                "trading": "Enabled",
                "instant_order_counter_decimals": 2,
                "instant_and_market_orders": "Enabled",
                "description": pair,
                "market_type": "SPOT",
            }
            for pair in pairs
        ]
    )


class PlayedVenue:
    """Answers tickers with `bid`, `ask` and `last`, `age_s` old, until told to do otherwise.

    Whatever `ticker` is set to is asked for the whole answer instead; `silent` takes requests and
    never answers.
    """

    def __init__(
        self, bid: object = "49999", ask: object = "50001", last: object = "50000"
    ) -> None:
        self.bid, self.ask, self.last = bid, ask, last
        self.age_s = 0
        self.pairs: tuple[str, ...] = PAIRS
        self.ticker: Callable[[], Answer] | None = None
        self.asked: list[str] = []
        self._talking = threading.Event()
        self._talking.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def says(self, price: object) -> None:
        """From now on it is bid and offered at this price."""
        self.bid = self.ask = self.last = price

    def fail(self, status: int, body: str = "") -> None:
        self.ticker = lambda: (status, body)

    def recover(self) -> None:
        self.ticker, self.age_s = None, 0
        self._talking.set()

    def fall_silent(self) -> None:
        self._talking.clear()

    def close(self) -> None:
        self._talking.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, path: str) -> Answer:
        self.asked.append(path)
        self._talking.wait()
        if path == "/api/v2/markets/":
            return 200, listing(self.pairs)
        if self.ticker is not None:
            return self.ticker()
        ticker: dict[str, Any] = {
            "timestamp": str(int(time.time()) - self.age_s),
            "high": "60000",
            "low": "40000",
            "last": self.last,
            "bid": self.bid,
            "ask": self.ask,
            "vwap": "50000",
            "volume": "12.5",
            "open": "49000",
        }
        return 200, json.dumps(ticker)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        venue = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, text = venue._answer(self.path)
                body = text.encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:
                    self.close_connection = True  # who asked has given up

            def log_message(self, *args: Any) -> None:
                """Nothing: the tests read `asked`."""

        return Handler
