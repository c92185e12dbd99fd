"""Order intake answers every request as Django does: same status, same body, same headers."""

import json
import random
import re
from typing import Any

import pytest

from tests.trading.client import Api, Trader, make_trader, order_body
from tests.trading.intake_server import IntakeApi, IntakeServer
from tests.trading.test_rubbish import BODIES, mangled, random_order
from trading.models import Market

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
        assert (found.status, _without_ids(found.body)) == (
            expected.status,
            _without_ids(expected.body),
        ), (path, data[:300], headers)
        asks = "Bearer" if found.status == 401 else None
        assert self.intake.headers.get("www-authenticate") == asks
        return found.status


def _without_ids(body: Any) -> Any:
    """Orders that were placed have ids of their own."""
    if isinstance(body, str):
        return re.sub(r"names order [0-9]+", "names order 1", body)
    if isinstance(body, dict):
        return {name: _without_ids(value) for name, value in body.items() if name != "orderId"}
    return [_without_ids(item) for item in body] if isinstance(body, list) else body


@pytest.fixture
def pair(trader: Trader) -> Any:
    server = IntakeServer()
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
