"""Order intake answers every request as Django does: same status, same body, same headers."""

import json
import random
import re
from typing import Any

import pytest
from django.test import override_settings

from markets.models import Market
from tests.trading.client import Answer, Api, Trader, make_trader, order_body
from tests.trading.intake_server import IntakeApi, IntakeServer
from tests.trading.test_rubbish import BODIES, mangled, random_order
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ("/order", "/orders/batch")
HEADERS: list[dict[str, str]] = [
    {"CONTENT_TYPE": "text/plain"},
    {"CONTENT_TYPE": "application/x-www-form-urlencoded"},
    {"CONTENT_TYPE": "application/xml"},
    {"CONTENT_TYPE": "nonsense"},
    {"CONTENT_TYPE": "APPLICATION/JSON"},
    {"CONTENT_TYPE": "application/json; charset=utf-8"},
    {"CONTENT_TYPE": "application/json; charset=latin-1"},
    {"HTTP_ACCEPT": "text/html"},
    {"HTTP_ACCEPT": "application/json"},
    {"HTTP_AUTHORIZATION": "Basic YTpi"},
    {"HTTP_AUTHORIZATION": "Bearer"},
    {"HTTP_AUTHORIZATION": "Bearer "},
    {"HTTP_AUTHORIZATION": "Bearer " + "x" * 3_000},
    {"HTTP_HOST": "evil.example"},
    {"HTTP_HOST": "localhost:8000"},
]


class Pair:
    """The same request to both, by two traders who are alike."""

    def __init__(self, tokens: tuple[str | None, str | None], server: IntakeServer) -> None:
        self.django, self.intake = Api(tokens[0]), IntakeApi(tokens[1], server)

    def check(self, path: str, data: bytes, **headers: str) -> int:
        expected = self.django.send("POST", path, data, **headers)
        found = self.intake.send("POST", path, data, **headers)
        return self._same(expected, found, (path, data[:300], headers))

    def check_cancel(self, paths: tuple[str, str], data: bytes = b"", **headers: str) -> int:
        """Each has a path of its own, for the orders have."""
        expected = self.django.send("DELETE", paths[0], data, **headers)
        found = self.intake.send("DELETE", paths[1], data, **headers)
        return self._same(expected, found, (paths, data, headers))

    def _same(self, expected: Answer, found: Answer, asked: tuple[object, ...]) -> int:
        assert (found.status, _without_ids(found.body)) == (
            expected.status,
            _without_ids(expected.body),
        ), asked
        asks = "Bearer" if found.status == 401 else None
        assert self.intake.headers.get("www-authenticate") == asks
        return found.status

    def place(self) -> tuple[int, int]:
        django, intake = (api.post("/order", order_body()) for api in (self.django, self.intake))
        return django.body["orderId"], intake.body["orderId"]


def _without_ids(body: Any) -> Any:
    """Orders that were placed have ids of their own."""
    if isinstance(body, str):
        return re.sub(r"(Order|names order) [0-9]+", r"\1 1", body)
    if isinstance(body, dict):
        return {name: _without_ids(value) for name, value in body.items() if name != "orderId"}
    return [_without_ids(item) for item in body] if isinstance(body, list) else body


@pytest.fixture
def pair(trader: Trader) -> Any:
    server = IntakeServer()
    with override_settings(LIMITS=False):  # a storm is more than two traders may send
        yield Pair((trader.api.token, make_trader().api.token), server)
    server.stop()


@pytest.mark.parametrize("path", PATHS)
def test_bodies_and_headers(pair: Pair, path: str) -> None:
    for body in BODIES.values():
        assert 400 <= pair.check(path, body) < 500
    good = order_body(reduceOnly=True, margin=None)
    data = json.dumps(good if path == "/order" else {"orders": [good]}).encode()
    statuses = {pair.check(path, data, **headers) for headers in HEADERS}
    assert {202, 400, 401, 406, 415} >= statuses >= {202, 401, 415}


@pytest.mark.parametrize("token", [None, "forged", "a.b.c"])
def test_tokens(market: Market, token: str | None) -> None:
    server = IntakeServer()
    try:
        for path in PATHS:
            assert Pair((token, token), server).check(path, b"{}") == 401
        for path in ("/order/1", "/orders/batch?orderIds=1,2"):
            assert Pair((token, token), server).check_cancel((path, path)) == 401
    finally:
        server.stop()


def test_a_seeded_storm(pair: Pair) -> None:
    rng = random.Random(20_261_122)
    statuses = []
    for _ in range(300):
        statuses.append(pair.check("/order", random_order(rng)))
        batch = b", ".join(random_order(rng) for _ in range(rng.randrange(4)))
        statuses.append(pair.check("/orders/batch", mangled(rng, b'{"orders": [' + batch + b"]}")))
    assert set(statuses) <= {200, 202, 400, 404, 409}
    assert statuses.count(202) > 50


def test_what_is_not_known_or_given_twice(pair: Pair) -> None:
    """The same words from both, also where intake reads the body itself."""
    good = json.dumps(order_body(reduceOnly=True, margin=None))
    for extra in ('"x": 1', '"qty": "0.5"', '"\\u0071ty": "0.5"', '"trigger": {"by": 1, "by": 1}'):
        order = f"{good[:-1]}, {extra}}}"
        assert pair.check("/order", order.encode()) == 400
        status = pair.check("/orders/batch", f'{{"orders": [{good}, {order}]}}'.encode())
        assert status == (202 if extra == '"x": 1' else 400)
    assert pair.check("/order?x=1", good.encode()) == 400
    assert pair.check("/orders/batch?x=1", f'{{"orders": [{good}]}}'.encode()) == 400
    assert pair.check("/orders/batch", f'{{"orders": [{good}], "orders": []}}'.encode()) == 400


def test_cancels_of_orders(pair: Pair) -> None:
    theirs = pair.place()
    one, two = (f"/order/{order_id}" for order_id in theirs)
    assert pair.check_cancel((one, two)) == 202
    assert pair.check_cancel((one, two), b"{}") == 400  # a body that nobody asked for
    assert pair.check_cancel((f"{one}?x=1", f"{two}?x=1")) == 400
    assert pair.check_cancel((two, one)) == 404
    statuses = {pair.check_cancel((one, two), b"", **headers) for headers in HEADERS}
    assert statuses == {202, 400, 401, 406}
    Order.objects.update(status="filled", held_units=0)
    assert pair.check_cancel((one, two)) == 409


@pytest.mark.parametrize("order_id", ["0", "007", "9" * 18, "9" * 19, "9" * 30, "-1", "x", "²", ""])
def test_cancels_of_ids_that_are_none(pair: Pair, order_id: str) -> None:
    path = f"/order/{order_id}"
    assert pair.check_cancel((path, path)) == 404


def test_batches_of_cancels(pair: Pair) -> None:
    first, second = pair.place(), pair.place()
    for separator in (",", "%2C", "%2c"):
        ids = [separator.join(map(str, both)) for both in zip(first, second, strict=True)]
        paths = (f"/orders/batch?orderIds={ids[0]}", f"/orders/batch?orderIds={ids[1]}")
        assert pair.check_cancel(paths) == 202
    queries = (f"{own},{other},{own},{10**18},0" for own, other in (first, first[::-1]))
    own, other = (f"/orders/batch?orderIds={ids}" for ids in queries)
    assert pair.check_cancel((own, other)) == 202


@pytest.mark.parametrize(
    "query",
    [
        *("", "?", "?orderIds", "?orderIds=", "?orderIds=1,,2", "?orderIds=1;2", "?orderIds=x"),
        *("?orderIds=1&orderIds=2", "?orderIds=1&x=2", "?orderids=1", "?orderIds=1+2"),
        *(f"?orderIds={2**63}", f"?orderIds={'9' * 30}", "?orderIds=" + ",".join("1" * 101)),
        "?orderIds=" + ",".join("1" * 100),
    ],
)
def test_batches_of_cancels_that_are_none(pair: Pair, query: str) -> None:
    path = f"/orders/batch{query}"
    pair.check_cancel((path, path))
