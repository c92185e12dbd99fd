"""Traders over the public HTTP API who write down what they sent and what they were told.

A request whose answer never came, or was a 5xx, is sent again with the same key; so whatever the
exchange did with the first one must not happen twice.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

PASSWORD = "chaos is a ladder, climbed with care"
TRIES_MAX = 60  # of one request; a market is away for seconds, not minutes
PAUSE_S = (0.1, 0.6)
NO_ANSWER = 0


@dataclass(frozen=True)
class Terms:
    """What traders need to know of a market: price decimals, lot, and lots of a usual order."""

    decimals: int
    lot: float
    lots_usual: tuple[int, int]


MARKETS = {
    "BTC-PERP": Terms(1, 0.001, (3, 40)),
    "ETH-PERP": Terms(2, 0.01, (5, 60)),
    "SOL-PERP": Terms(2, 0.1, (10, 120)),
}


@dataclass
class Attempt:
    """One request on the wire."""

    sent_s: float
    status: int
    body: Any


@dataclass
class Request:
    """One intention, with all its attempts."""

    trader: str
    kind: str  # order, cancel, cancel_all, amend, margin, leverage, countdown, onramp, read, …
    key: str  # client order id, order id, market or "", idempotency key
    sent: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)
    note: str = ""  # of a cancel_all: the side

    @property
    def acknowledged(self) -> Attempt | None:
        return next((a for a in self.attempts if 200 <= a.status < 300), None)

    @property
    def keys(self) -> list[str]:
        """Client order ids that an order's request asks for, with those that come with it."""
        along = ("takeProfit", "stopLoss", "other")
        return [self.key, *(self.sent[n]["clientOrderId"] for n in along if n in self.sent)]

    @property
    def ambiguous(self) -> bool:
        """Some attempt may have had its effect without saying so."""
        return any(a.status == NO_ANSWER or a.status >= 500 for a in self.attempts)


class Caller:
    """Sends, records, and sends again."""

    def __init__(self, url: str, name: str, stop: threading.Event, rng: random.Random) -> None:
        self.name = name
        self.rng = rng
        self.requests: list[Request] = []
        self._stop = stop
        self._client = httpx.Client(base_url=url, timeout=15)

    def send(
        self,
        method: str,
        path: str,
        request: Request,
        *,
        tries: int = TRIES_MAX,
        repeatable: bool = True,
    ) -> Any:
        """The body of the 2xx answer; None if refused, or never answered. What has neither a key
        nor the same effect twice is not repeatable: it isn't sent again where it may have had
        its effect."""
        self.requests.append(request)
        for _ in range(tries):
            attempt = self._once(method, path, request)
            request.attempts.append(attempt)
            if 200 <= attempt.status < 300:
                return attempt.body
            if request.ambiguous and not repeatable:
                return None
            if attempt.status == 401 and request.kind != "signup":
                self._sign_in()
            elif attempt.status != NO_ANSWER and attempt.status < 500 and attempt.status != 429:
                return None
            if self._stop.is_set():
                return None
            self._stop.wait(self.rng.uniform(*PAUSE_S))
        return None

    def _once(self, method: str, path: str, request: Request) -> Attempt:
        sent_s = time.monotonic()
        try:
            answer = self._client.request(method, path, json=request.sent or None)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            return Attempt(sent_s, NO_ANSWER, f"{type(error).__name__}: {error}")
        return Attempt(sent_s, answer.status_code, body)

    def sign_up(self) -> None:
        body = {"username": self.name, "password": PASSWORD}
        request = Request(self.name, "signup", self.name, body)
        answer = self.send("POST", "/auth/signup", request)
        if answer is None:  # taken: an attempt without an answer had made it
            self._sign_in()
        else:
            self._client.headers["Authorization"] = f"Bearer {answer['token']}"

    @property
    def token(self) -> str:
        """ "" before it signed in."""
        return str(self._client.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _sign_in(self) -> None:
        body = {"username": self.name, "password": PASSWORD}
        request = Request(self.name, "signin", self.name, body)
        attempt = self._once("POST", "/auth/signin", request)
        request.attempts.append(attempt)
        self.requests.append(request)
        if attempt.status == 200:
            self._client.headers["Authorization"] = f"Bearer {attempt.body['token']}"

    def onramp(self, amount: str, key: str) -> None:
        sent = {"amount": amount, "idempotencyKey": key}
        self.send("POST", "/user/onramp", Request(self.name, "onramp", key, sent))

    def batch(self, orders: list[dict[str, Any]]) -> list[int]:
        """Place many; each becomes a request of its own in the books. Answers the ids."""
        whole = Request(self.name, "batch", "", {"orders": orders})
        self.send("POST", "/orders/batch", whole)
        parts = [Request(self.name, "order", o["clientOrderId"], o) for o in orders]
        self._divide(whole, parts)
        return [part.acknowledged.body["orderId"] for part in parts if part.acknowledged]

    def cancel_batch(self, order_ids: list[int]) -> None:
        whole = Request(self.name, "cancel_batch", "", {})
        ids = ",".join(map(str, order_ids))
        self.send("DELETE", f"/orders/batch?orderIds={ids}", whole)
        self._divide(whole, [Request(self.name, "cancel", str(one), {}) for one in order_ids])

    def _divide(self, whole: Request, parts: list[Request]) -> None:
        """What a batch was told, each of its items was told."""
        for attempt in whole.attempts:
            results = attempt.body.get("results") if isinstance(attempt.body, dict) else None
            for number, part in enumerate(parts):
                status, body = attempt.status, attempt.body
                if results is not None:
                    body = results[number]
                    status = 202 if body["ok"] else 400
                part.attempts.append(Attempt(attempt.sent_s, status, body))
        self.requests += parts

    def read(self, path: str, *, tries: int = 1) -> Any:
        return self.send("GET", path, Request(self.name, "read", path, {}), tries=tries)

    def close(self) -> None:
        self._client.close()


class Prober(threading.Thread):
    """Asks all the time whether an order gets through: POST, then GET until it isn't pending."""

    def __init__(self, url: str, stop: threading.Event, through: Callable[[float], None]) -> None:
        super().__init__(name="prober", daemon=True)
        self.caller = Caller(url, "prober", stop, random.Random(1))
        self._halt = stop
        self._through = through
        self.fault: BaseException | None = None

    @property
    def requests(self) -> list[Request]:
        return self.caller.requests

    def run(self) -> None:
        try:
            self.caller.sign_up()
            self.caller.onramp("1000000", "prober-first")
            number = 0
            while not self._halt.is_set():
                number += 1
                self._probe(number)
                self._halt.wait(0.25)
        except BaseException as error:  # noqa: BLE001  the run fails with it, see `check_load`
            self.fault = error
        finally:
            self.caller.close()

    def _probe(self, number: int) -> None:
        key = f"prober-{number}"
        body = {
            "marketId": "BTC-PERP", "side": ("LONG", "SHORT")[number % 2], "qty": "0.001",
            "orderType": "market", "leverage": 2, "clientOrderId": key,
        }  # fmt: skip
        started = time.monotonic()
        answer = self.caller.send("POST", "/order", Request("prober", "order", key, body))
        if answer is None:
            return
        while not self._halt.is_set():
            order = self.caller.read(f"/order/{answer['orderId']}")
            if order is not None and order["status"] != "pending":
                self._through(started)
                return
            self._halt.wait(0.05)
