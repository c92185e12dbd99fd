"""Where the exchange is not offered: nothing is opened, everything can be closed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from accounts.models import User
from markets.models import Market
from tests.trading.client import (
    PASSWORD,
    Answer,
    Api,
    Trader,
    forget_caches,
    make_market,
    make_trader,
    order_body,
    set_ticker,
)
from tests.trading.intake_server import IntakeApi
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

THERE = {"HTTP_CF_IPCOUNTRY": "KP"}


@pytest.fixture(autouse=True)
def blocked(settings: Any) -> None:
    settings.COUNTRY_HEADER = "CF-IPCountry"
    settings.BLOCKED_COUNTRIES = frozenset({"KP", "IR"})
    settings.TRUSTED_PROXIES = 1


@pytest.fixture
def market(redis_db: redis.Redis) -> Iterator[Market]:
    forget_caches()
    market = make_market()
    set_ticker(redis_db)
    yield market
    forget_caches()


@pytest.fixture(params=["django", "intake"])
def trader(market: Market, request: pytest.FixtureRequest) -> Trader:
    trader = make_trader()
    if request.param == "intake":
        trader.api = IntakeApi(trader.api.token)
    return trader


def send(trader: Trader, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    data = b"" if body is None else json.dumps(body).encode()
    return trader.api.send(method, path, data, **(headers or THERE))


def test_orders_that_open_are_refused(trader: Trader) -> None:
    refused = send(trader, "POST", "/order", order_body())
    assert (refused.status, refused.code) == (451, "COUNTRY_BLOCKED")
    closing = send(trader, "POST", "/order", order_body(reduceOnly=True, margin=None))
    assert closing.status == 202
    both = {"orders": [order_body(), order_body(reduceOnly=True, margin=None)]}
    results = send(trader, "POST", "/orders/batch", both).body["results"]
    assert results[0]["code"] == "COUNTRY_BLOCKED"
    assert "orderId" in results[1]


def test_what_closes_stays_possible(trader: Trader) -> None:
    placed = trader.place()
    assert placed.status == 202
    order_id = placed.body["orderId"]
    path = f"/order/{order_id}"
    Order.objects.update(status="open")
    many = {"orders": [{"orderId": order_id, "price": "24990"}]}
    results = send(trader, "PATCH", "/orders/batch", many).body["results"]
    assert results[0]["code"] == "COUNTRY_BLOCKED"
    assert send(trader, "PATCH", path, {"price": "24990"}).code == "COUNTRY_BLOCKED"
    assert send(trader, "DELETE", path).status == 202
    for public in ("/markets", "/terms", "/user/orders", "/user/profile"):
        assert send(trader, "GET", public).status == 200


def test_money_does_not_come_in_from_there(trader: Trader) -> None:
    assert send(trader, "POST", "/user/onramp", {"amount": "5"}).code == "COUNTRY_BLOCKED"


def test_nobody_signs_up_from_there(db: None) -> None:
    body = b'{"username": "alice", "password": "%s"}' % PASSWORD.encode()
    answer = Api().send("POST", "/auth/signup", body, **THERE)
    assert (answer.status, answer.code) == (451, "COUNTRY_BLOCKED")
    assert not User.objects.exists()


@pytest.mark.parametrize("said", ["kp", " KP ", "CH,KP", "CH, ir"])
def test_what_our_proxy_says_last_counts(said: str, trader: Trader) -> None:
    answer = send(trader, "POST", "/order", order_body(), HTTP_CF_IPCOUNTRY=said)
    assert answer.status == 451


@pytest.mark.parametrize("said", ["CH", "", "KP,CH", "KPX", "K"])
def test_others_are_served(said: str, trader: Trader) -> None:
    answer = send(trader, "POST", "/order", order_body(), HTTP_CF_IPCOUNTRY=said)
    assert answer.status == 202


def test_nobody_is_believed_without_a_proxy(trader: Trader, settings: Any) -> None:
    """Who reaches us directly writes the header as they like; it blocks nobody, and settings that
    would have it block are refused as they load."""
    settings.TRUSTED_PROXIES = 0
    assert send(trader, "POST", "/order", order_body()).status == 202
