"""Budgets of orders, cancels and reads: per trader, by fee tier, in Redis and without it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from time_machine import TimeMachineFixture

from common.limits.budgets import Ask, LocalBudgets, Rate, give_back, spend
from common.redis_client import limits_redis_client
from ledger.models import Deposit
from tests.trading.client import (
    Api,
    Trader,
    forget_caches,
    make_market,
    make_trader,
    order_body,
    set_ticker,
)
from tests.trading.intake_server import IntakeApi, IntakeServer
from trading.http.limits import CallKind, spend_of
from trading.intake.group import Call, answer_together
from trading.intake.plain import Plain
from trading.models import FeeTier, Order, UserFeeTier

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "192.0.2.1"

SLOW = Rate(1, 3_600, burst=3)  # nothing comes back while a test runs


@pytest.fixture(autouse=True)
def _market(transactional_db: None, redis_db: redis.Redis) -> Iterator[None]:
    forget_caches()
    make_market()
    set_ticker(redis_db)
    yield
    forget_caches()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets of three that don't fill up."""
    kinds = dict.fromkeys(CallKind, SLOW)
    monkeypatch.setattr("trading.http.limits.DEFAULT_RATES", kinds)
    monkeypatch.setattr("trading.http.limits.rate_of", lambda per_s: SLOW)
    monkeypatch.setattr("trading.http.limits.ADDRESS_RATE", SLOW)
    forget_caches()


@pytest.fixture(params=["redis", "local"])
def counting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "local":

        def away(*args: Any, **kwargs: Any) -> None:
            raise redis.ConnectionError("planted")

        client = limits_redis_client()
        monkeypatch.setattr(client, "register_script", away)
    return str(request.param)


def test_a_budget_is_spent_once_and_says_how_it_stands(counting: str) -> None:
    (first,) = spend([Ask("a", SLOW)])
    assert first.headers()["X-RateLimit-Limit"] == "3"
    assert (first.remaining, first.retry_s) == (2, 0)
    assert 3_590 <= first.reset_s <= 3_600
    rest = spend([Ask("a", SLOW, 3), Ask("b", SLOW, 3), Ask("a", SLOW, 2), Ask("a", SLOW)])
    assert [standing.granted for standing in rest] == [False, True, True, False]
    assert [standing.remaining for standing in rest] == [2, 0, 0, 0]
    assert 3_590 <= rest[3].retry_s <= 3_600
    assert 10_790 <= rest[1].reset_s <= 10_800
    give_back("a", SLOW)
    assert [s.granted for s in spend([Ask("a", SLOW), Ask("a", SLOW)])] == [True, False]
    for _ in range(3):
        give_back("never spent", SLOW)
    assert [s.granted for s in spend([Ask("never spent", SLOW)] * 4)] == [True] * 3 + [False]


def call_of(trader: Trader, body: Any, path: str = "/order") -> Call:
    request = Plain(path, f"Bearer {trader.api.token}", path.endswith("batch"), ())
    return Call(request, json.dumps(body).encode(), ORIGIN)


def cancel_of(trader: Trader, *order_ids: int) -> Call:
    path = "/orders/batch" if len(order_ids) > 1 else f"/order/{order_ids[0]}"
    return Call(
        Plain(path, f"Bearer {trader.api.token}", len(order_ids) > 1, order_ids), b"", ORIGIN
    )


def test_a_process_counts_no_more_than_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.limits.budgets.LOCAL_MAX", 10)
    local = LocalBudgets(now_us=lambda: 1)
    for number in range(100):
        local.spend(Ask(f"one {number}", SLOW))
        assert len(local._full_at_us) <= 10
    spent_up = Ask("spent up", SLOW, cost=3)
    assert local.standing(spent_up).granted
    for number in range(100):
        local.spend(Ask(f"another {number}", SLOW))
    assert not local.standing(spent_up).granted  # what has longest to go is forgotten last


def test_a_clock_that_is_set_back_refuses_nobody(time_machine: TimeMachineFixture) -> None:
    local = LocalBudgets()
    assert local.standing(Ask("before and after", SLOW)).granted
    time_machine.move_to(datetime.now(UTC) - timedelta(days=1))
    again = local.standing(Ask("before and after", SLOW))
    assert (again.granted, again.remaining) == (True, 1)


def test_orders_beyond_the_budget_are_429_before_a_row_is_made(slow: None, counting: str) -> None:
    alice, bob = make_trader(), make_trader()
    calls = [call_of(alice, order_body(qty="0.1", margin="250")) for _ in range(5)]
    calls.insert(2, call_of(bob, order_body()))
    calls.insert(0, call_of(alice, {"rubbish": 1}))  # counts, too
    answer_together(calls)
    answers = [call.answer for call in calls if call.answer]
    assert [answer.status for answer in answers] == [400, 202, 202, 202, 429, 429, 429]
    remaining = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert remaining == ["2", "1", "0", "2", "0", "0", "0"]
    assert {"X-RateLimit-Limit", "X-RateLimit-Reset"} <= answers[0].headers.keys()
    assert {answer.headers["X-RateLimit-Budget"] for answer in answers} == {"orders"}
    assert 3_500 < int(answers[-1].headers["Retry-After"]) <= 3_600
    assert json.loads(answers[-1].body)["code"] == "TOO_MANY_REQUESTS"
    assert Order.objects.filter(user=alice.user).count() == 2
    cancel = cancel_of(alice, Order.objects.filter(user=alice.user)[0].pk)
    answer_together([cancel])  # has a budget of its own
    assert cancel.answer is not None
    assert cancel.answer.status == 202


def test_a_batch_costs_what_it_holds(slow: None) -> None:
    alice = make_trader()
    batch = {"orders": [order_body(qty="0.1", margin="250")] * 2}
    calls = [call_of(alice, batch, "/orders/batch") for _ in range(2)]
    cancels = [cancel_of(alice, 1, 2), cancel_of(alice, 1, 2), cancel_of(alice, 1)]
    answer_together([*calls, *cancels])
    statuses = [call.answer.status for call in [*calls, *cancels] if call.answer]
    assert statuses == [202, 429, 202, 429, 404]
    assert Order.objects.count() == 2


def test_djangos_path_counts_the_same(slow: None) -> None:
    alice, bob = make_trader(), make_trader()
    batch = {"orders": [order_body(qty="0.1", margin="250")] * 3}
    raw = alice.api._client.post(
        "/orders/batch", batch, "application/json", HTTP_AUTHORIZATION=f"Bearer {alice.api.token}"
    )
    assert (raw.status_code, raw["X-RateLimit-Remaining"]) == (202, "0")
    refused = alice.api._client.post(
        "/order", order_body(), "application/json", HTTP_AUTHORIZATION=f"Bearer {alice.api.token}"
    )
    assert (refused.status_code, refused["X-RateLimit-Limit"]) == (429, "3")
    assert refused["X-RateLimit-Budget"] == "orders"
    assert 3_500 < int(refused["Retry-After"]) <= 3_600
    assert refused.json()["code"] == "TOO_MANY_REQUESTS"
    through_intake = call_of(alice, order_body())
    answer_together([through_intake])
    assert through_intake.answer is not None
    assert through_intake.answer.status == 429  # one budget, whichever way
    assert alice.api.delete("/orders/batch?orderIds=1,2,3").status == 202
    for cancel in (
        *("/orders", "/order?clientOrderId=a", "/orders/batch?clientOrderIds=a"),
        *("/order/1", "/orders/batch?orderIds=1"),
    ):
        assert alice.api.delete(cancel).status == 429
    assert bob.api.delete("/orders/batch?clientOrderIds=a,b").status == 202
    assert bob.api.delete("/orders/batch?orderIds=1,2").status == 429  # one is left
    assert bob.api.delete("/order?clientOrderId=a").status == 429
    assert alice.api.post("/orders/countdown", {}).status == 429  # a cancel in waiting
    reads = [alice.api.get("/user/orders").status for _ in range(4)]
    assert reads == [200, 200, 200, 429]
    assert bob.api.get("/user/orders").status == 200


def test_what_needs_no_signing_in_is_limited_by_address(slow: None) -> None:
    statuses = [Api().get("/markets").status for _ in range(4)]
    assert statuses.count(429) == 1
    assert Api().send("GET", "/markets", REMOTE_ADDR="192.0.2.1").status == 200


def test_every_answer_through_the_server_says_how_the_budget_stands() -> None:
    server = IntakeServer()
    try:
        api = IntakeApi(make_trader().api.token, server)
        for path, body in (("/order", order_body()), ("/order", {}), ("/orders/countdown", {})):
            api.post(path, body)
            assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(
                api.headers
            ), path
        api.get("/user/fills")
        assert api.headers["x-ratelimit-limit"] == "150"
    finally:
        server.stop()


HEADERS = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
UNSIGNED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/markets", {}),
    ("GET", "/nowhere", {}),
    ("GET", "/order/1", {}),
    ("PUT", "/order", {}),
    ("POST", "/order", order_body()),
    ("DELETE", "/order/1", {}),
    ("POST", "/orders/batch", {"orders": [order_body()]}),
    ("POST", "/auth/signin", {"username": "nobody", "password": "a wrong one"}),
    ("POST", "/auth/signup", {"username": "a", "password": "short"}),
    ("POST", "/auth/refresh", {"refresh": "x"}),
    ("POST", "/auth/signout", {"refresh": "x"}),
    ("GET", "/schema", {}),
    ("PATCH", "/docs", {}),
)


@pytest.mark.parametrize("token", [None, "forged", "own"])
def test_every_answer_says_how_a_budget_stands(token: str | None, settings: Any) -> None:
    settings.SIGN_UP_LIMITED = True
    server = IntakeServer()
    try:
        api = IntakeApi(make_trader().api.token if token == "own" else token, server)
        for method, path, body in UNSIGNED:
            api.send(method, path, json.dumps(body).encode() if body else b"")
            assert set(api.headers) >= HEADERS, (method, path)
            assert api.headers["cache-control"] in {"no-store", "no-cache"}, (method, path)
    finally:
        server.stop()


def test_bad_tokens_and_paths_that_are_not_there_wear_the_address_out(slow: None) -> None:
    server = IntakeServer()
    try:
        forged, own = IntakeApi("forged", server), IntakeApi(make_trader().api.token, server)
        statuses = [forged.post("/order", order_body()).status for _ in range(2)]
        statuses += [forged.get("/user/orders").status, forged.get("/nowhere").status]
        assert statuses == [401, 401, 401, 429]
        assert int(forged.headers["retry-after"]) > 3_500
        assert forged.headers["x-ratelimit-remaining"] == "0"
        assert forged.post("/order", order_body()).status == 429
        assert forged.delete("/order/1").status == 429
        assert own.post("/order", order_body()).status == 202  # a trader there goes on
    finally:
        server.stop()


def test_limits_of_a_fee_tier_count_for_its_traders() -> None:
    alice, bob = make_trader(), make_trader()
    tier = FeeTier.objects.create(
        name="makers", maker_fee_ppm=0, taker_fee_ppm=0, orders_per_s=1_000
    )
    UserFeeTier.objects.create(user=alice.user, tier=tier)
    forget_caches()
    calls = [call_of(alice, order_body()), call_of(bob, order_body())]
    answer_together(calls)
    limits = [call.answer.headers["X-RateLimit-Limit"] for call in calls if call.answer]
    assert limits == ["3000", "300"]


@pytest.mark.usefixtures("still")
def test_limits_ask_postgres_once_for_a_group_and_then_not_at_all(
    django_assert_num_queries: Any,
) -> None:
    users = [make_trader(0).user.pk for _ in range(3)]
    forget_caches()
    with django_assert_num_queries(1):
        spend_of([(user_id, CallKind.ORDERS, 1) for user_id in users])
    with django_assert_num_queries(0):
        spend_of([(user_id, CallKind.CANCELS, 1) for user_id in users])


def test_a_fault_of_the_limits_limits_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(asked: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setattr("trading.intake.group.spend_of", fault)
    call = call_of(make_trader(), order_body())
    answer_together([call])
    assert call.answer is not None
    assert call.answer.status == 202


def test_deposits_that_wait_for_an_operator_are_few(settings: Any) -> None:
    settings.SELF_ONRAMP = False
    alice, bob = make_trader(0), make_trader(0)
    statuses = [alice.api.post("/user/onramp", {"amount": "5"}).status for _ in range(6)]
    assert statuses == [202] * 5 + [409]
    assert alice.api.post("/user/onramp", {"amount": "5"}).code == "TOO_MANY_REQUESTED"
    assert bob.api.post("/user/onramp", {"amount": "5"}).status == 202
    Deposit.objects.filter(user=alice.user).first().delete()  # type: ignore[union-attr]
    first = {"amount": "5", "idempotencyKey": "k"}
    assert alice.api.post("/user/onramp", first).status == 202
    assert alice.api.post("/user/onramp", first).status == 202  # the same again
