"""Nothing is ignored in silence: what a call does not know is refused, on every path and method.

What the calls know is read from the schema, so a call that comes later is tried as well.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import redis
from django.db import connection, transaction
from drf_spectacular.generators import SchemaGenerator
from pytest_django.plugin import DjangoDbBlocker

from common.redis_client import redis_client
from tests.trading.client import (
    Answer,
    Api,
    Trader,
    make_market,
    make_trader,
    order_body,
    set_ticker,
)
from trading.models import Order, OutboxCommand

pytestmark = pytest.mark.django_db

SCHEMA: Any = SchemaGenerator().get_schema(request=None, public=True)
CALLS = [(method, path) for path, methods in SCHEMA["paths"].items() for method in methods]
WITH_BODY = [call for call in CALLS if "requestBody" in SCHEMA["paths"][call[1]][call[0]]]


@pytest.fixture(scope="module")
def module_trader(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Trader]:
    """Made once, in a transaction around those of the tests: none of them commits."""
    redis_client().flushdb()
    with django_db_blocker.unblock(), transaction.atomic():
        make_market()
        trader = make_trader()
        connection.check_constraints()  # what is deferred to a commit
        yield trader
        transaction.set_rollback(True)


@pytest.fixture
def trader(module_trader: Trader, db: None, redis_db: redis.Redis) -> Trader:
    set_ticker(redis_db)
    return module_trader


@pytest.fixture
def untouched(trader: Trader) -> Iterator[Api]:
    """Of a trader with an open order, which is still open afterwards, and the only one."""
    placed = trader.place(clientOrderId="mine")
    commands = OutboxCommand.objects.count()
    yield trader.api
    assert Order.objects.get().pk == placed.body["orderId"]
    assert OutboxCommand.objects.count() == commands


def parameters(method: str, path: str) -> list[str]:
    declared = SCHEMA["paths"][path][method].get("parameters", [])
    return [parameter["name"] for parameter in declared if parameter["in"] == "query"]


def body_of(method: str, path: str) -> Any:
    """The schema of the body, and its example."""
    content = SCHEMA["paths"][path][method]["requestBody"]["content"]["application/json"]
    (example,) = content["examples"].values()
    name = content["schema"]["$ref"].rpartition("/")[2]
    return SCHEMA["components"]["schemas"][name], example["value"]


def send(api: Api, method: str, path: str, query: str = "", data: bytes = b"") -> Answer:
    """Calls of the trading page come from it."""
    headers = {"HTTP_ORIGIN": "http://testserver"} if path.startswith("/page/") else {}
    return api.send(method.upper(), address(path) + query, data, **headers)


def address(path: str) -> str:
    named = {"market_id": "BTC-PERP", "order_id": Order.objects.get().pk, "network": "manual"}
    return path.format_map(defaultdict(lambda: 1, named))


def assert_unknown(answer: Answer, field: str, known: list[str]) -> None:
    assert (answer.status, answer.code) == (400, "UNKNOWN_FIELD"), answer
    assert answer.body["field"] == field
    assert all(name in answer.body["message"] for name in known), answer


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_parameters_that_a_call_does_not_know(untouched: Api, method: str, path: str) -> None:
    known = parameters(method, path)
    data = json.dumps(body_of(method, path)[1]).encode() if (method, path) in WITH_BODY else b""
    misspelt = [name for own in known for name in (own.upper(), own[:-1], own + "s", f"{own}[]")]
    for name in ("x", "format", "", "é", *misspelt):
        if name not in known:
            query = urlencode({name: "1"})
            answer = send(untouched, method, path, f"?{query}", data)
            assert_unknown(answer, name, known)
    for name in known:
        query = f"?{name}=BTC-PERP&{name}=BTC-PERP"
        answer = send(untouched, method, path, query, data)
        assert_unknown(answer, name, known)


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if call not in WITH_BODY])
def test_a_body_where_none_belongs(untouched: Api, method: str, path: str) -> None:
    query = "?orderIds=1" if path == "/orders/batch" else ""
    for data in (b"{}", b'{"marketId": "BTC-PERP"}', b"x", b" "):
        answer = send(untouched, method, path, query, data)
        assert_unknown(answer, "body", parameters(method, path))
    headers = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    headers["HTTP_ORIGIN"] = "http://testserver"
    answer = untouched.send(method.upper(), address(path) + query, b"{}", **headers)
    assert_unknown(answer, "body", [])


def objects_in(schema: Any, example: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every object of a body: where it is, its schema, its example."""
    for part in (schema, *schema.get("anyOf", ())):
        if "$ref" in part:
            part = SCHEMA["components"]["schemas"][part["$ref"].rpartition("/")[2]]  # noqa: PLW2901
        # One without properties is a browser's own, as of a passkey.
        if "properties" in part and isinstance(example, dict):
            yield where, part, example
            for name, inner in part["properties"].items():
                yield from objects_in(inner, example.get(name), f"{where}.{name}".strip("."))
        elif part.get("type") == "array" and isinstance(example, list):
            for item in example:
                yield from objects_in(part["items"], item, f"{where}[]")


@pytest.mark.parametrize(
    ("method", "path"), [call for call in WITH_BODY if "/webhooks/" not in call[1]]
)
def test_fields_that_a_body_does_not_know(untouched: Api, method: str, path: str) -> None:
    """At every depth: one that is not there, and each that is there, twice. Of webhooks the
    signature is looked at first; their own tests have their fields."""
    schema, body = body_of(method, path)
    for where, kind, example in list(objects_in(schema, body)):
        assert kind["additionalProperties"] is False, where
        asked = {**body, "orders": [only(body, example)]} if where.startswith("orders") else body
        example["nope"] = 1
        answer = send(untouched, method, path, data=json.dumps(asked).encode())
        del example["nope"]
        if where.startswith("orders"):  # each of a batch has an answer of its own
            (item,) = answer.body["results"]
            answer = Answer(400, item)
        name = f"{where}.nope".replace("orders[]", "").strip(".")
        assert_unknown(answer, name, list(kind["properties"]))
        for name in example:
            inside = json.dumps(example)
            twice = f'{inside[:-1]}, "{name}": null}}'
            data = json.dumps(asked).replace(inside, twice, 1)
            answer = send(untouched, method, path, data=data.encode())
            assert (answer.status, answer.code) == (400, "UNKNOWN_FIELD"), answer
            assert answer.body["field"].endswith(name)


def only(body: Any, example: Any) -> Any:
    """The order of a batch that has this object."""
    return next(o for o in body["orders"] if o is example or o.get("trigger") is example)


def test_a_key_is_the_same_however_it_is_written(untouched: Api) -> None:
    body = json.dumps(order_body(clientOrderId="a:b", expiresAt="2126-01-01T00:00:00Z"))
    for again in ('"qty": "1"', '"\\u0071ty": "1"', '"qty" : null'):
        answer = untouched.send("POST", "/order", f"{body[:-1]}, {again}}}".encode())
        assert_unknown(answer, "qty", ["qty", "price"])


def test_colons_are_no_keys(trader: Trader) -> None:
    assert trader.place(clientOrderId="a:b", expiresAt="2126-01-01T00:00:00Z").status == 202


def test_the_misspelt_market_that_cancelled_every_order(untouched: Api) -> None:
    answer = untouched.delete("/orders?market=ETH-PERP")
    assert_unknown(answer, "market", ["marketId", "side"])
    assert untouched.get("/user/fills?orderID=1").code == "UNKNOWN_FIELD"
    assert untouched.get("/schema?x=1").status == untouched.get("/docs?x=1").status == 400
    assert untouched.get("/schema?format=json").status == 200
