"""The API's description is complete, valid, and its examples work."""

import json
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

from tests.trading.client import Api, Trader, make_trader
from tests.trading.test_reading import add_position, same_shape
from trading.models import Order

pytestmark = pytest.mark.django_db


# of their sender, but for a cookie
ASK_NOTHING = {
    "/user/referrals",
    "/page/token",
    "/page/signout",
    "/algos/{algo_id}/pause",
    "/algos/{algo_id}/resume",
}


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def test_it_is_valid_and_made_without_a_warning(tmp_path: Any) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))
    assert "/order" in (tmp_path / "schema.yml").read_text()


def test_it_is_served_and_so_are_the_docs() -> None:
    assert Api().get("/schema").status == 200
    page = Api().get("/docs")
    assert page.status == 200
    assert b"swagger" in page.body.content
    assert b"cdn" not in page.body.content


def test_every_call_of_the_api_is_in_it(schema: Any) -> None:
    own = {"admin", "schema", "docs", "static"}
    paths = {
        "/" + str(url.pattern)
        for resolver in get_resolver().url_patterns
        for url in getattr(resolver, "url_patterns", [resolver])
        if str(resolver.pattern).strip("/") not in own
        and url.lookup_str != "gateway.http.view.GatewayView"  # another protocol's
    }
    described = {path.replace("{", "<").replace("}", ">") for path in schema["paths"]}
    page = {"/", "/trade/<str:market_id>", "/reset-password", "/verify-mail"}  # for browsers
    calls = {path.replace("<int:", "<").replace("<str:", "<") for path in paths - page}
    assert calls == described


def test_every_call_has_an_example_and_its_errors(schema: Any) -> None:
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            if path == "/health":
                continue
            where = f"{method} {path}"
            success = next(code for code in call["responses"] if code.startswith("2"))
            content = call["responses"][success]["content"]
            is_file = not any("json" in kind for kind in content)  # which has none to show
            assert is_file or content["application/json"]["examples"], where
            assert any(code >= "400" for code in call["responses"]), where
            if method == "post" and path not in ASK_NOTHING:
                assert call["requestBody"]["content"]["application/json"]["examples"], where


def test_every_call_that_needs_a_token_says_what_comes_without(schema: Any) -> None:
    needs_token = 0
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            codes = {int(code) for code in call["responses"]}
            assert codes <= {200, 201, 202, 400, 401, 403, 404, 409, 410, 413, 429, 451, 503}, path
            if call.get("security") and {} not in call["security"]:
                assert 401 in codes, f"{method} {path}"
                needs_token += 1
    assert needs_token > 20


def body_example(schema: Any, path: str, method: str = "post") -> Any:
    content = schema["paths"][path][method]["requestBody"]["content"]["application/json"]
    (example,) = content["examples"].values()
    return example["value"]


def answer_example(schema: Any, path: str, method: str, status: int) -> Any:
    content = schema["paths"][path][method]["responses"][str(status)]["content"]
    (example,) = content["application/json"]["examples"].values()
    return example["value"]


def test_the_examples_work_one_after_the_other(
    schema: Any, trader: Trader, redis_db: redis.Redis
) -> None:
    """Sign up, sign in, fund, place, read, cancel, sign out: each as documented."""

    def post(path: str, api: Api, status: int, **replace: Any) -> Any:
        answer = api.post(path, body_example(schema, path) | replace)
        assert answer.status == status, answer
        assert same_shape(answer.body, answer_example(schema, path, "post", status))
        return answer.body

    post("/auth/signup", Api(), 201)
    session = post("/auth/signin", Api(), 200)
    session = post("/auth/refresh", Api(), 200, refresh=session["refresh"])
    post("/auth/signout", Api(), 200, refresh=session["refresh"])
    order_id = post("/order", trader.api, 202)["orderId"]
    for path in ("/user/orders", "/user/positions", "/user/fills", "/user/equity", "/user/ledger"):
        answer = trader.api.get(path)
        assert answer.status == 200
        assert same_shape(answer.body, answer_example(schema, path, "get", 200))
    for path in ("/orders/batch", "/orders/countdown"):
        post(path, trader.api, 202)
    add_position(trader, 200, 5_000_000_000, 1_000_000_000)
    for path, status in (
        ("/user/positions/{market_id}/margin", 202),
        ("/user/leverage/{market_id}", 200),
    ):
        real = path.format(market_id="BTC-PERP")
        answer = trader.api.post(real, body_example(schema, path))
        assert answer.status == status, answer
        assert same_shape(answer.body, answer_example(schema, path, "post", status))
    for path in ("/markets/{market_id}/funding", "/markets/{market_id}/liquidations"):
        answer = Api().get(path.format(market_id="BTC-PERP"))
        assert same_shape(answer.body, answer_example(schema, path, "get", 200))
    Order.objects.filter(pk=order_id).update(status="open")
    changes = json.dumps(body_example(schema, "/order/{order_id}", "patch")).encode()
    answer = trader.api.send("PATCH", f"/order/{order_id}", changes)
    assert answer.status == 202, answer
    assert same_shape(answer.body, answer_example(schema, "/order/{order_id}", "patch", 202))
    answer = trader.api.delete(f"/orders/batch?orderIds={order_id}")
    assert same_shape(answer.body, answer_example(schema, "/orders/batch", "delete", 202))
    for method, path in (("GET", "/order/{order_id}"), ("DELETE", "/order/{order_id}")):
        answer = trader.api.send(method, path.format(order_id=order_id))
        status = 200 if method == "GET" else 202
        assert answer.status == status
        assert same_shape(answer.body, answer_example(schema, path, method.lower(), status))
    assert Order.objects.earliest("pk").pk == order_id
    assert make_trader().api.delete("/orders").status == 202
