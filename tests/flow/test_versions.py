"""The API under `/v1`: the same calls, tokens, signatures and feeds as without."""

import json
from collections.abc import Callable

import pytest
from websockets.sync.client import connect

from tests.builders.keys import Key, hmac_signs
from tests.flow.exchange import PASSWORD, Exchange, Trader
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


def test_every_path_has_its_version(exchange: Exchange, new_trader: NewTrader) -> None:
    trader = new_trader()
    body = {"marketId": trader.market_id, "side": "LONG", "qty": "0.1", "orderType": "limit"}
    placed = trader.send("POST", "/v1/order", json=body | {"price": "48000", "leverage": 10})
    assert placed.status_code == 202, placed.text
    order_id = placed.json()["orderId"]
    trader.wait_until(order_id, "open")
    listed = trader.get("/v1/user/orders?status=open")
    assert [order["id"] for order in listed["orders"]] == [order_id]
    assert listed == trader.get("/user/orders?status=open")
    assert trader.send("DELETE", f"/v1/order/{order_id}").status_code == 202
    trader.wait_until(order_id, "cancelled")
    assert exchange.http.get("/v1/exchange").json()["markets"]
    assert "/v1" in [
        one["url"] for one in exchange.http.get("/v1/schema?format=json").json()["servers"]
    ]


def test_a_key_signs_the_path_that_it_sends(exchange: Exchange, new_trader: NewTrader) -> None:
    trader = new_trader()
    asked = {"name": "bot", "password": PASSWORD, "permissions": ["read", "trade"]}
    made = trader.send("POST", "/v1/user/keys", json=asked).json()
    key = Key(made["key"]["keyId"], made["key"]["key"], hmac_signs(made["secret"]))

    def ask(method: str, sent: str, signed: str, body: bytes = b"") -> int:
        named = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in key.headers(method, signed, body, window="60000").items()
        }
        about = {"Content-Type": "application/json"} if body else {}
        answer = exchange.http.request(method, sent, content=body, headers=named | about)
        return answer.status_code

    order = {"marketId": trader.market_id, "side": "LONG", "qty": "0.1", "leverage": 10}
    body = json.dumps(order | {"orderType": "limit", "price": "47000"}).encode()
    assert ask("GET", "/v1/user/equity", "/v1/user/equity") == 200
    assert ask("GET", "/v1/user/equity", "/user/equity") == 401
    assert ask("POST", "/v1/order", "/v1/order", body) == 202
    assert ask("POST", "/v1/order", "/order", body) == 401
    trader.cancel_everything()


def test_the_feeds_have_it_too(exchange: Exchange) -> None:
    url = exchange.url.replace("http://", "ws://")
    with connect(f"{url}/v1/ws", open_timeout=PATIENCE_S) as feed:
        feed.send(json.dumps({"op": "subscribe", "channels": ["ticker:BTC-PERP"]}))
        assert json.loads(feed.recv(timeout=PATIENCE_S))["op"] == "subscribed"


def test_what_is_not_the_api_has_none(exchange: Exchange) -> None:
    for path in ("/v1", "/v1/", "/v1/admin/", "/v1/health", "/v2/markets", "/v1/v1/markets"):
        assert exchange.http.get(path).status_code == 404, path
    assert exchange.http.get("/v1//markets").status_code == 404
