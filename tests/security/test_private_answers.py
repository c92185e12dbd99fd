"""No cache may keep what is somebody's: on both paths, whatever the answer."""

from collections.abc import Callable, Iterator

import pytest
import redis
from django.test import Client

from common.admin.record_urls import list_url
from markets.models import Market
from tests.trading.client import (
    PASSWORD,
    Trader,
    forget_caches,
    make_market,
    make_trader,
    set_ticker,
)
from tests.trading.intake_server import IntakeApi
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market(redis_db: redis.Redis) -> Iterator[Market]:
    forget_caches()
    market = make_market()
    set_ticker(redis_db)
    yield market
    forget_caches()


@pytest.fixture
def trader(market: Market) -> Trader:
    return make_trader()


def test_answers_of_order_intake(trader: Trader) -> None:
    api = IntakeApi(trader.api.token)
    body = b'{"marketId": "BTC-PERP", "side": "LONG", "qty": "0.5", "orderType": "limit", "price": '
    calls = [
        ("POST", "/order", body + b'"25000", "margin": "2500"}', 202),
        ("POST", "/order", b"{}", 400),
        ("POST", "/order", b"rubbish", 400),
        ("POST", "/orders/batch", b'{"orders": [{}]}', 202),
        ("DELETE", "/order/{}", b"", 202),
        ("DELETE", "/order/99999", b"", 404),
        ("DELETE", "/orders/batch?orderIds=1", b"", 202),
        ("GET", "/user/orders", b"", 200),
    ]
    for method, path, data, status in calls:
        first = Order.objects.order_by("pk").values_list("pk", flat=True).first()
        answer = api.send(method, path.format(first), data)
        assert (answer.status, api.headers.get("cache-control")) == (status, "no-store"), path
    api.token = "nonsense"
    assert api.send("POST", "/order", b"{}").status == 401
    assert api.headers["cache-control"] == "no-store"


PRIVATE = (
    "/user/orders", "/user/positions", "/user/positions/history", "/user/fills", "/user/funding",
    "/user/equity", "/user/snapshot", "/user/ledger", "/user/leverage/BTC-PERP",
    "/auth/sessions", "/order/1",
    "/auth/sign-ins", "/auth/sign-ins/failed", "/user/profile", "/user/data", "/user/terms",
    "/health", "/nothing/here", "/user/orders?limit=x",
)  # fmt: skip


@pytest.mark.parametrize("path", PRIVATE)
def test_answers_of_django(trader: Trader, path: str) -> None:
    for headers in ({"Authorization": f"Bearer {trader.api.token}"}, {}):
        assert "no-store" in Client(headers=headers).get(path).headers["Cache-Control"]


def test_answers_with_tokens(trader: Trader) -> None:
    client = Client()
    name = {"username": trader.user.username}
    for path, body, status in (
        ("/auth/signin", {**name, "password": PASSWORD}, 200),
        ("/auth/signin", {**name, "password": "wrong, surely"}, 401),
        ("/auth/refresh", {"refresh": trader.refresh}, 200),
        ("/auth/signup", {"username": "fresh", "password": PASSWORD}, 201),
        ("/auth/signup", {}, 400),
    ):
        answer = client.post(path, body, content_type="application/json")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store"), path


def test_pages_of_the_admin(client_of: Callable[[str], Client], market: Market) -> None:
    client = client_of("superuser")
    for path in ("/admin/", "/admin/status/", list_url(Order, ""), "/admin/jsi18n/", "/admin/x/"):
        assert "no-store" in client.get(path).headers["Cache-Control"], path
    assert "no-store" in Client().get("/admin/login/").headers["Cache-Control"]
