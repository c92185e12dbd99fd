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
MARKETS = {"BTC-PERP": (1, 0.001), "ETH-PERP": (2, 0.01)}  # price decimals, lot


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
    kind: str  # order, cancel, cancel_all, onramp, signup, read
    key: str  # client order id, order id, market or "", idempotency key
    sent: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def acknowledged(self) -> Attempt | None:
        return next((a for a in self.attempts if 200 <= a.status < 300), None)

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

    def send(self, method: str, path: str, request: Request, *, tries: int = TRIES_MAX) -> Any:
        """The body of the 2xx answer; None if refused, or never answered."""
        self.requests.append(request)
        for _ in range(tries):
            attempt = self._once(method, path, request)
            request.attempts.append(attempt)
            if 200 <= attempt.status < 300:
                return attempt.body
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

    def read(self, path: str, *, tries: int = 1) -> Any:
        return self.send("GET", path, Request(self.name, "read", path, {}), tries=tries)

    def close(self) -> None:
        self._client.close()


class Trader(threading.Thread):
    """Places around the mark price, cancels, funds, until told to stop."""

    def __init__(
        self, url: str, name: str, stop: threading.Event, seed: str, per_second: float
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.rng = random.Random(seed)
        self.caller = Caller(url, name, stop, self.rng)
        self.fault: BaseException | None = None
        self._halt = stop
        self._per_second = per_second
        self._count = 0
        self._mine: list[int] = []
        self._marks: dict[str, float] = {}

    @property
    def requests(self) -> list[Request]:
        return self.caller.requests

    def run(self) -> None:
        try:
            self._live()
        except BaseException as error:  # noqa: BLE001  the run fails with it, see `check_load`
            self.fault = error
        finally:
            self.caller.close()

    def _live(self) -> None:
        self.caller.sign_up()
        self.caller.onramp("1000000", f"{self.name}-first")
        acts: list[tuple[float, Callable[[], None]]] = [
            (0.58, self._limit),
            (0.08, self._market),
            (0.10, self._immediate),
            (0.15, self._cancel),
            (0.02, self._cancel_all),
            (0.03, self._fund),
            (0.04, self._look),
        ]
        weights = [weight for weight, _ in acts]
        while not self._halt.is_set():
            self.rng.choices([act for _, act in acts], weights)[0]()
            self._halt.wait(self.rng.expovariate(self._per_second))

    def _key(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    def _mark(self, market: str) -> float:
        if market not in self._marks or self.rng.random() < 0.1:
            ticker = self.caller.read(f"/markets/{market}/ticker")
            if ticker is not None and ticker.get("markPrice"):
                self._marks[market] = float(ticker["markPrice"])
        return self._marks.get(market, 0.0)

    def _place(self, **terms: Any) -> None:
        market = self.rng.choice(list(MARKETS))
        decimals, lot = MARKETS[market]
        mark = self._mark(market)
        if not mark:
            return
        key = self._key()
        side = self.rng.choice(("LONG", "SHORT"))
        body: dict[str, Any] = {
            "marketId": market,
            "side": side,
            "qty": f"{lot * self.rng.randint(3, 40):.3f}",
            "leverage": self.rng.choice((2, 5, 10)),
            "clientOrderId": key,
        } | terms
        if body["orderType"] == "limit":
            distance = self.rng.gauss(0.001, 0.0015) * (-1 if side == "LONG" else 1)
            body["price"] = f"{mark * (1 + distance):.{decimals}f}"
        answer = self.caller.send("POST", "/order", Request(self.name, "order", key, body))
        if answer is not None:
            self._mine.append(answer["orderId"])

    def _limit(self) -> None:
        self._place(orderType="limit")

    def _market(self) -> None:
        self._place(orderType="market")

    def _immediate(self) -> None:
        self._place(orderType="limit", timeInForce=self.rng.choice(("IOC", "FOK")))

    def _cancel(self) -> None:
        """Mostly a fresh one: it may still be on its way to the engine."""
        if not self._mine:
            return
        recent = self._mine[-3:] if self.rng.random() < 0.6 else self._mine
        order_id = self.rng.choice(recent)
        request = Request(self.name, "cancel", str(order_id), {})
        self.caller.send("DELETE", f"/order/{order_id}", request)

    def _cancel_all(self) -> None:
        market = self.rng.choice([*MARKETS, ""])
        path = f"/orders?marketId={market}" if market else "/orders"
        self.caller.send("DELETE", path, Request(self.name, "cancel_all", market, {}))

    def _fund(self) -> None:
        self.caller.onramp(str(self.rng.randint(1, 500)), self._key())

    def _look(self) -> None:
        paths = ("/user/equity", "/user/orders", "/user/positions", "/markets/BTC-PERP/depth")
        self.caller.read(self.rng.choice(paths))


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
                self._probe(f"prober-{number}")
                self._halt.wait(0.25)
        except BaseException as error:  # noqa: BLE001  the run fails with it, see `check_load`
            self.fault = error
        finally:
            self.caller.close()

    def _probe(self, key: str) -> None:
        body = {
            "marketId": "BTC-PERP", "side": "LONG", "qty": "0.001", "orderType": "market",
            "leverage": 10, "clientOrderId": key,
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
