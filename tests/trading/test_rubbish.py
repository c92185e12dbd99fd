"""Rubbish on every endpoint is answered 4xx with a message and a code, and changes nothing."""

import json
import random
import string
from typing import Any
from urllib.parse import quote

import pytest

from ledger.models import Wallet
from markets.models import Market
from tests.proofs import share
from tests.trading.client import Answer, Api, Trader, forget_limits_used, make_trader, order_body
from trading.models import Order

pytestmark = pytest.mark.django_db

WITH_BODY = [
    ("POST", "/auth/signup"),
    ("POST", "/auth/signin"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/signout"),
    ("POST", "/user/onramp"),
    ("POST", "/order"),
    ("PATCH", "/order/1"),
    ("PATCH", "/order?clientOrderId=1"),
    ("POST", "/orders/batch"),
    ("POST", "/orders/countdown"),
    ("POST", "/user/positions/BTC-PERP/margin"),
    ("POST", "/user/leverage/BTC-PERP"),
]
NEEDS_TOKEN = [
    ("POST", "/user/onramp"),
    ("POST", "/order"),
    ("GET", "/order?clientOrderId=1"),
    ("PATCH", "/order?clientOrderId=1"),
    ("DELETE", "/order?clientOrderId=1"),
    ("GET", "/order/1"),
    ("DELETE", "/order/1"),
    ("PATCH", "/order/1"),
    ("DELETE", "/orders"),
    ("POST", "/orders/batch"),
    ("DELETE", "/orders/batch"),
    ("POST", "/orders/countdown"),
    ("POST", "/user/positions/BTC-PERP/margin"),
    ("POST", "/user/leverage/BTC-PERP"),
    ("GET", "/user/orders"),
    ("GET", "/user/positions"),
    ("GET", "/user/fills"),
    ("GET", "/user/equity"),
    ("GET", "/user/snapshot"),
    ("GET", "/user/ledger"),
]

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "cut off": b'{"marketId": "BTC-PERP"',
    "two objects": b"{}{}",
    "a list": b"[1, 2, 3]",
    "a number": b"17",
    "a text": b'"order"',
    "null": b"null",
    "an empty object": b"{}",
    "invalid UTF-8": b'{"username": "\xff\xfe", "password": "\xc3\x28"}',
    "UTF-16": '{"username": "alice"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "NUL": b'{"username": "a\\u0000b", "password": "correct horse battery"}',
    "a NUL key": b'{"\\u0000": 1}',
    "raw NUL": b'{"username": "a\x00b"}',
    "a lone surrogate": b'{"username": "\\ud800", "password": "correct horse battery"}',
    "NaN": b'{"qty": NaN}',
    "Infinity": b'{"qty": -Infinity}',
    "1e400": b'{"qty": 1e400, "amount": 1e400, "username": 1e400, "refresh": 1e400}',
    "a vast exponent": b'{"qty": 1e99999999999999999999999, "amount": 1}',
    "ten thousand digits": b'{"qty": ' + b"9" * 10_000 + b"}",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deeper than allowed": b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    "ten megabytes": b'{"username": "' + b"a" * 10_000_000 + b'"}',
    "a megabyte of spaces": b" " * 1_000_001,
}


def assert_refused(answer: Answer, what: str = "") -> None:
    assert 400 <= answer.status < 500, (what, answer)
    told = {"message", "code", "field", "required", "available"}
    assert set(answer.body) <= told, (what, answer)
    assert answer.body["message"]
    assert answer.code == answer.code.upper()
    told = answer.body | answer.body.get("required", {})
    assert all(isinstance(told[name], str) for name in told if name != "required")


HEADERS: list[dict[str, str]] = [
    {"CONTENT_TYPE": "text/plain"},
    {"CONTENT_TYPE": "application/x-www-form-urlencoded"},
    {"CONTENT_TYPE": "multipart/form-data; boundary=x"},
    {"CONTENT_TYPE": "application/xml"},
    {"CONTENT_TYPE": "nonsense"},
    {"CONTENT_TYPE": ""},
    {"CONTENT_LENGTH": "abc"},
    {"CONTENT_LENGTH": "-5"},
    {"CONTENT_LENGTH": "99999999999999999999"},
    {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
    {"HTTP_ACCEPT": "text/html"},
]


def assert_untouched(trader: Trader, after: str) -> None:
    """As before; and what was sent so far counts for no limit of what comes next."""
    assert not Order.objects.exists(), after
    assert Wallet.objects.get(user=trader.user).available_units == 10_000_000_000, after
    forget_limits_used()


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_bodies_that_are_none(trader: Trader, method: str, path: str) -> None:
    for name, body in BODIES.items():
        answer = trader.api.send(method, path, body)
        assert_refused(answer, name)
        if name in {"ten megabytes", "a megabyte of spaces"}:
            assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")
        assert_untouched(trader, name)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_headers_that_do_not_fit(trader: Trader, method: str, path: str) -> None:
    body = json.dumps({"username": "alice"}).encode()
    for headers in HEADERS:
        assert_refused(trader.api.send(method, path, body, **headers), str(headers))
        assert_untouched(trader, str(headers))


@pytest.mark.parametrize(("method", "path"), NEEDS_TOKEN)
def test_calls_that_need_a_token(market: Market, method: str, path: str) -> None:
    for token in (None, "forged", "a.b.c"):
        answer = Api(token).send(method, path, b"{}" if method == "POST" else b"")
        assert_refused(answer)
        assert answer.status == 401


@pytest.mark.parametrize(
    "path",
    [
        *("/nope", "/order/", "/order/abc", "/order/-1", "/order/1.5", "/order/%00"),
        *("/orders/1", "/markets/", "/markets/BTC-PERP/nope", "/auth", "/user", "/%FF%FE"),
    ],
)
def test_paths_that_lead_nowhere(trader: Trader, path: str) -> None:
    answer = trader.api.get(path)
    assert_refused(answer)
    assert answer.status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            ("PUT", "/order"),
            ("PUT", "/order/1"),
            ("PATCH", "/orders"),
            ("GET", "/orders/batch"),
            ("POST", "/markets"),
        ),
        *(("DELETE", "/user/orders"), ("GET", "/auth/signin"), ("BREW", "/order")),
        *(("POST", "/"), ("DELETE", "/trade/BTC-PERP"), ("BREW", "/reset-password")),
    ],
)
def test_methods_that_are_not_there(trader: Trader, method: str, path: str) -> None:
    answer = trader.api.send(method, path)
    assert_refused(answer)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")


def test_a_foreign_host_name_is_answered_in_json(market: Market, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["exchange.example"]
    answer = Api().send("GET", "/markets", HTTP_HOST="evil.example")
    if answer.status != 200:  # only what builds absolute addresses asks for the host
        assert_refused(answer)


VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 17, 0.1, -0.5, 1e308, 10**30, 2**63, -(2**63) - 1),
    *("", " ", "0", "-1", "1e400", "NaN", "BTC-PERP", "LONG", "limit", "x" * 300, "\u202e", "💥"),
    *("' OR 1=1 --", "%s", "{}", "null", "1e-400", "9" * 70, "\\u0000"),
    *([], {}, [[]], {"a": 1}, [None], [1, 2], {"qty": "1"}),
]
FIELDS = {
    "/auth/signup": ["username", "password"],
    "/auth/signin": ["username", "password"],
    "/auth/refresh": ["refresh"],
    "/auth/signout": ["refresh"],
    "/user/onramp": ["amount", "idempotencyKey"],
    "/order": [
        *("marketId", "side", "qty", "orderType", "price", "margin", "leverage", "timeInForce"),
        *("postOnly", "reduceOnly", "clientOrderId", "selfTradePrevention"),
        *("closePosition", "expiresAt", "trigger"),
    ],
    "/orders/batch": ["orders"],
    "/orders/countdown": ["marketId", "countdownMs"],
    "/user/positions/BTC-PERP/margin": ["amount"],
    "/user/leverage/BTC-PERP": ["leverage"],
    "/user/leverage/NONE": ["leverage"],
}
TRIGGER_FIELDS = ["type", "by", "price", "callback"]
GETS = [
    *(f"/user/{part}" for part in ("orders", "positions", "fills", "ledger", "equity")),
    *(f"/markets/BTC-PERP{part}" for part in ("", "/depth", "/trades", "/ticker", "/funding")),
    "/markets/BTC-PERP/liquidations",
]


def test_a_seeded_storm_of_rubbish_is_never_a_fault(trader: Trader) -> None:
    """Random requests across all endpoints: 2xx or 4xx, and errors always in shape."""
    rng = random.Random(20_261_122)
    for turn in range(share(1_000)):
        method, path, body = random_request(rng)
        answer = trader.api.send(method, path, body)
        assert answer.status < 500, (turn, method, path, body, answer)
        if answer.status >= 400 and method != "HEAD":
            assert_refused(answer)
        if turn % 100 == 0:
            forget_limits_used()
    wallet = Wallet.objects.get(user=trader.user)
    held = sum(Order.objects.filter(user=trader.user).values_list("held_units", flat=True))
    assert wallet.held_units == held
    assert wallet.available_units >= 0


def random_request(rng: random.Random) -> tuple[str, str, bytes]:
    kind = rng.randrange(6)
    if kind == 0:
        return "POST", "/order", random_order(rng)
    if kind == 4:
        orders = b", ".join(random_order(rng) for _ in range(rng.randrange(4)))
        return "POST", "/orders/batch", mangled(rng, b'{"orders": [' + orders + b"]}")
    if kind == 5:
        changes = {name: rng.choice(VALUES) for name in ("price", "qty") if rng.random() < 0.8}
        path = rng.choice([f"/order/{rng.randrange(1, 400)}", "/order/" + random_text(rng)])
        return "PATCH", path, mangled(rng, json.dumps(changes).encode())
    if kind == 1:
        path = rng.choice(list(FIELDS))
        names = FIELDS[path] + ["extra"] * (rng.random() < 0.1)
        body = {name: rng.choice(VALUES) for name in names if rng.random() < 0.8}
        return "POST", path, mangled(rng, json.dumps(body).encode())
    if kind == 2:
        names = ["cursor", "limit", "status", "marketId", "side", "x"]
        query = "&".join(f"{rng.choice(names)}={random_text(rng)}" for _ in range(rng.randrange(4)))
        return "GET", f"{rng.choice(GETS)}?{query}", b""
    path = rng.choice(
        [
            "/order/",
            "/markets/",
            "/orders?marketId=",
            "/orders?side=",
            "/orders/batch?orderIds=",
            "/",
        ]
    ) + random_text(rng)
    return rng.choice(["GET", "DELETE", "POST", "PUT", "PATCH", "OPTIONS", "HEAD"]), path, b""


def random_order(rng: random.Random) -> bytes:
    """A good order with a field or two made strange."""
    body: dict[str, Any] = order_body()
    for name in rng.sample(FIELDS["/order"], rng.randrange(1, 4)):
        if rng.random() < 0.15:
            body.pop(name, None)
        else:
            body[name] = rng.choice(VALUES)
    if rng.random() < 0.3:
        trigger = {"type": "STOP", "by": "MARK", "price": "26000"}
        for name in rng.sample(TRIGGER_FIELDS, rng.randrange(3)):
            trigger[name] = rng.choice(VALUES)
        body["trigger"] = trigger
    return mangled(rng, json.dumps(body).encode())


def mangled(rng: random.Random, body: bytes) -> bytes:
    if rng.random() < 0.85:
        return body
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.randbytes(rng.randrange(4)) + body[at + rng.randrange(3) :]


def random_text(rng: random.Random) -> str:
    texts = [
        str(rng.randrange(-5, 50)),
        str(rng.randrange(10**25)),
        "BTC-PERP",
        "open",
        rng.choice(["%00", "%FF", "%ED%A0%80", "%F0%9F%92%A5", "..%2f..", "'--", "%25s"]),
        quote("".join(rng.choices(string.printable, k=rng.randrange(12)))),
    ]
    return rng.choice(texts)


def test_others_ids_never_show_data(trader: Trader) -> None:
    other = make_trader()
    order_id = other.place().body["orderId"]
    for method in ("GET", "DELETE"):
        answer = trader.api.send(method, f"/order/{order_id}")
        assert_refused(answer)
        assert answer.status == 404
    for path in ("orders", "positions", "fills"):
        assert trader.api.get(f"/user/{path}").body[path] == []
