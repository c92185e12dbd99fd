"""A trader who knows the exchange by its WebSocket alone: orders, and the feeds beside them."""

import json
import random
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.chaos.load import MARKETS, NO_ANSWER, Attempt, Caller, Request

ANSWERED_WITHIN_S = 20.0
PAUSE_S = 0.3
MARKET = "BTC-PERP"


class SocketTrader(threading.Thread):
    """``endings``: how its connections ended, of themselves. ``heard``: messages by channel."""

    def __init__(self, url: str, stop: threading.Event) -> None:
        super().__init__(name="socket", daemon=True)
        self.caller = Caller(url, self.name, stop, random.Random(3))
        self.fault: BaseException | None = None
        self.endings: list[str] = []
        self.heard: dict[str, int] = {}
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._halt = stop
        self._rng = random.Random(3)

    @property
    def requests(self) -> list[Request]:
        return self.caller.requests

    def run(self) -> None:
        try:
            self.caller.sign_up()
            self.caller.onramp("1000000", "socket-first")
            waiting: Request | None = None
            while not self._halt.is_set():
                try:
                    with connect(self._url, open_timeout=ANSWERED_WITHIN_S) as socket:
                        self._sign_in(socket)
                        while not self._halt.is_set():
                            waiting = waiting or self._next_order()
                            if self._place(socket, waiting):
                                waiting = None
                            self._halt.wait(PAUSE_S)
                except ConnectionClosed as closed:
                    self.endings.append(str(closed))
                except (OSError, TimeoutError, WebSocketException) as error:
                    self.endings.append(f"{type(error).__name__}: {error}")
                    self._halt.wait(PAUSE_S)
        except BaseException as error:  # noqa: BLE001  the run fails with it
            self.fault = error
        finally:
            self.caller.close()

    def _sign_in(self, socket: ClientConnection) -> None:
        channels = [f"trades:{MARKET}", f"book:{MARKET}"]
        for said in (
            {"op": "auth", "token": self.caller.token},
            {"op": "subscribe", "channels": channels},
        ):
            socket.send(json.dumps(said))

    def _next_order(self) -> Request:
        key = f"socket-{len(self.requests)}"
        lots = self._rng.randint(*MARKETS[MARKET].lots_usual)
        body = {
            "marketId": MARKET, "side": self._rng.choice(("LONG", "SHORT")), "leverage": 2,
            "qty": f"{lots * MARKETS[MARKET].lot:.3f}", "orderType": "market",
            "clientOrderId": key,
        }  # fmt: skip
        request = Request(self.name, "order", key, body)
        self.requests.append(request)
        return request

    def _place(self, socket: ClientConnection, request: Request) -> bool:
        """Whether that is its last word: what may have come to nothing is sent again."""
        number = len(request.attempts)
        id, sent_s = f"{request.key}-{number}", time.monotonic()
        request.attempts.append(Attempt(sent_s, NO_ANSWER, "ended before the answer"))
        socket.send(json.dumps({"op": "place", "id": id, "order": request.sent}))
        answer = self._answer(socket, id)
        status = answer["status"]
        body = answer["answer"] if answer["op"] == "ack" else answer
        request.attempts[-1] = Attempt(sent_s, status, body)
        return bool(status < 500 and status != 429)

    def _answer(self, socket: ClientConnection, id: str) -> Any:
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while True:
            said = json.loads(socket.recv(max(0.0, deadline - time.monotonic())))
            if said.get("id") == id:
                return said
            channel = said.get("channel", "")
            self.heard[channel] = self.heard.get(channel, 0) + 1
