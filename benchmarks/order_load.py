"""Traders behind the HTTP API, in a process of their own: `python -m benchmarks.order_load`.

Reads a plan from standard input and writes what it saw to standard output, as JSON. Threads with a
connection each, kept alive, that know nothing but the API. Every order crosses the spread of a
market whose depth is plenty, so every order fills at once: buys and sells in turn.

Orders are offered at fixed times whatever the exchange does, and each is asked for until its fill
can be read; times count from when the order was due, so a stall shows in all orders that should
have come meanwhile.
"""

import http.client
import sys
import threading
import time
from typing import Any

import msgspec

READ_EVERY_S = 0.002
FILLED_WITHIN_S = 30.0


class Plan(msgspec.Struct, frozen=True):
    """rate: orders a second of all connections together."""

    port: int
    tokens: list[str]
    markets: list[str]
    seconds: float
    connections: int
    rate: float


class Seen(msgspec.Struct):
    """Times in ms, of orders that were taken; ``refused`` counts the others by their answer."""

    orders: int = 0
    answered_ms: list[float] = []
    readable_ms: list[float] = []
    refused: dict[str, int] = {}


def crossing_order(market_id: str, is_buy: bool) -> dict[str, Any]:
    return {
        "marketId": market_id,
        "side": "LONG" if is_buy else "SHORT",
        "qty": "0.001",
        "orderType": "limit",
        "price": "50001" if is_buy else "49999",  # the mark price is 50,000
        "leverage": 10,
        "timeInForce": "IOC",
    }


class Trader:
    def __init__(self, plan: Plan, number: int, seen: Seen, lock: threading.Lock) -> None:
        self.plan, self.number, self.seen, self.lock = plan, number, seen, lock
        self.connection = http.client.HTTPConnection("127.0.0.1", plan.port, timeout=60)
        self.sent = 0

    def run(self, begin: float) -> None:
        due = begin + self.number / self.plan.rate
        while due - begin < self.plan.seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            self._place(due)
            due += self.plan.connections / self.plan.rate

    def _place(self, due: float) -> None:
        turn = self.number + self.sent * self.plan.connections
        self.sent += 1
        token = self.plan.tokens[turn % len(self.plan.tokens)]
        # The same trader buys, then sells, in the same market: positions stay small.
        is_buy = (turn // len(self.plan.tokens)) % 2 == 0
        market_id = self.plan.markets[(turn % len(self.plan.tokens)) % len(self.plan.markets)]
        body = msgspec.json.encode(crossing_order(market_id, is_buy))
        status, answer = self._call("POST", "/order", token, body)
        answered = time.monotonic()
        if status != 202:
            self._refused(f"{status} {answer.get('code')}")
            return
        readable = self._when_readable(answer["orderId"], token)
        with self.lock:
            self.seen.orders += 1
            self.seen.answered_ms.append(1_000 * (answered - due))
            if readable is not None:
                self.seen.readable_ms.append(1_000 * (readable - due))

    def _when_readable(self, order_id: int, token: str) -> float | None:
        give_up = time.monotonic() + FILLED_WITHIN_S
        while time.monotonic() < give_up:
            _, order = self._call("GET", f"/order/{order_id}", token, b"")
            if order.get("status") == "filled":
                return time.monotonic()
            if order.get("status") not in ("pending", "open"):
                break
            time.sleep(READ_EVERY_S)
        self._refused(f"not filled: {order.get('status')} {order.get('reason')}")
        return None

    def _refused(self, why: str) -> None:
        with self.lock:
            self.seen.refused[why] = self.seen.refused.get(why, 0) + 1

    def _call(self, method: str, path: str, token: str, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, msgspec.json.decode(response.read())


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    seen, lock = Seen(), threading.Lock()
    traders = [Trader(plan, number, seen, lock) for number in range(plan.connections)]
    begin = time.monotonic() + 0.1
    threads = [threading.Thread(target=trader.run, args=(begin,)) for trader in traders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
