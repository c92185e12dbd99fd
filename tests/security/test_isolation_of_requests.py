"""One request never hurts another: what goes wrong about one order or cancel is its answer alone.

Faults are planted in each function that placing and cancelling call, for everything that has to do
with one trader; those whose requests arrive in the same group, and the other items of a batch, must
not notice.
"""

import importlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import OperationalError

from ledger.models import Wallet
from tests.trading.client import (
    Answer,
    Trader,
    forget_caches,
    make_market,
    make_trader,
    order_body,
    sent_commands,
    set_ticker,
)
from tests.trading.intake_server import IntakeApi
from trading.intake.group import Call, answer_together
from trading.intake.plain import Plain
from trading.models import Order, OutboxCommand

pytestmark = pytest.mark.django_db(transaction=True)

VICTIMS = "ETH-PERP"  # its market: nobody else trades there
SIZE = "12.345"
MARKS = (VICTIMS, SIZE, "size_lots=12345", "'size_lots': 12345")
FUNDS_UNITS = 1_000_000_000_000

PLACING = [
    "trading.intake.group.caller_of",
    "trading.intake.group.read_body",
    "trading.orders.place.market_rules",
    "trading.orders.place.trader_standings",
    "trading.orders.place.read_terms",
    "trading.orders.place.market_ticker",
    "trading.orders.place.draft_order",
    "trading.orders.place.terms_asked",
    "trading.orders.place.command_of_columns",
    "trading.orders.place.encode_command",
    "trading.orders.place.NewRow",
    "trading.orders.place.insert_orders",
    "trading.orders.insert._row",
    "trading.orders.insert._encode",
    "trading.orders.terms._read_expiry",
    "trading.orders.draft._check_margin",
    "trading.orders.repeats.plain_terms",
]
BATCHED = [name for name in PLACING if ".intake.group." not in name]
CANCELLING = [
    "trading.intake.group.caller_of",
    "trading.selectors.order_states",
    "trading.selectors.OrderState",
    "trading.orders.cancel._unless_ended",
    "trading.orders.cancel._promise_cancels",
    "trading.orders.cancel.CancelOrder",
    "trading.orders.cancel.Promise",
    "trading.orders.cancel.promise_commands",
    "trading.commands.outbox._row_of",
    "trading.commands.outbox.command_of_order",
]
RUNTIME = RuntimeError("planted")
ORIGIN = "192.0.2.1"
FAULTS = [
    *((step, RUNTIME) for step in PLACING),
    *(
        (f"trading.orders.{step}", fault)
        for step in ("place.read_terms", "insert._row", "place.insert_orders")
        for fault in (OverflowError(), RecursionError(), MemoryError(), OperationalError())
    ),
]


@pytest.fixture
def victim(transactional_db: None, redis_db: redis.Redis) -> Iterator[Trader]:
    forget_caches()
    for market_id in ("BTC-PERP", VICTIMS):
        make_market(market_id)
        set_ticker(redis_db, market_id)
    forget_commands(redis_db)
    yield make_trader(FUNDS_UNITS)
    forget_caches()


def forget_commands(redis_db: redis.Redis) -> None:
    redis_db.delete("orders:input:{BTC-PERP}", f"orders:input:{{{VICTIMS}}}")


@pytest.fixture
def neighbours(victim: Trader) -> list[Trader]:
    return [make_trader(FUNDS_UNITS) for _ in range(3)]


def victims_body(**fields: Any) -> dict[str, Any]:
    named = {"marketId": VICTIMS, "qty": SIZE, "margin": None, "leverage": 10}
    lasting = {"clientOrderId": "victim", "expiresAt": "2100-01-01T00:00:00Z"}
    return order_body(**named | lasting | fields)


def plant(
    monkeypatch: pytest.MonkeyPatch, name: str, marks: tuple[str, ...], fault: Exception
) -> list[str]:
    """Raised whenever the function is given what has one of the marks. Answers how often."""
    module_name, _, attribute = name.rpartition(".")
    module = importlib.import_module(module_name)
    function = getattr(module, attribute)
    raised: list[str] = []

    def faulty(*args: Any, **kwargs: Any) -> Any:
        given = repr((args, kwargs))
        if any(mark in given for mark in marks):
            raised.append(name)
            raise fault
        return function(*args, **kwargs)

    monkeypatch.setattr(module, attribute, faulty)
    return raised


def call_of(trader: Trader, *order_ids: int, **body: Any) -> Call:
    path = f"/order/{order_ids[0]}" if order_ids else "/order"
    request = Plain(path, f"Bearer {trader.api.token}", False, order_ids)
    return Call(request, b"" if order_ids else json.dumps(body).encode(), ORIGIN)


def codes(calls: list[Call]) -> list[tuple[int, str]]:
    told = [(call.answer.status, json.loads(call.answer.body)) for call in calls if call.answer]
    return [(status, body.get("code", "")) for status, body in told]


def assert_untouched(trader: Trader) -> None:
    wallet = Wallet.objects.get(user=trader.user)
    assert (wallet.available_units, wallet.held_units) == (FUNDS_UNITS, 0)
    assert not Order.objects.filter(user=trader.user).exists()


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Of those logged since the last `clear`."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in lines if line.get("exc_info")]


def placed_in(redis_db: redis.Redis, market_id: str) -> list[int]:
    return [command.account_id for command in sent_commands(redis_db, market_id)]


def test_what_fails_of_an_order_is_its_answer_alone(
    victim: Trader,
    neighbours: list[Trader],
    redis_db: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second, third = neighbours
    for step, fault in FAULTS:
        calls = [
            call_of(first, **order_body()),
            call_of(victim, **victims_body()),
            call_of(second, **order_body()),
            call_of(third, **order_body(price="25000.05")),
        ]
        forget_commands(redis_db)
        caplog.clear()
        with monkeypatch.context() as patched:
            raised = plant(patched, step, (*MARKS, str(victim.api.token)), fault)
            answer_together(calls)
        assert raised, step
        is_away = isinstance(fault, OperationalError)
        victims = (503, "DATABASE_UNAVAILABLE") if is_away else (500, "INTERNAL_ERROR")
        expected = [(202, ""), victims, (202, ""), (400, "INVALID_PRICE")]
        assert codes(calls) == expected, step
        assert len(tracebacks(caplog)) == (0 if is_away else 1), step
        assert placed_in(redis_db, "BTC-PERP") == [first.user.pk, second.user.pk], step
        assert not placed_in(redis_db, VICTIMS), step
    assert_untouched(victim)


@pytest.mark.parametrize("through", ["intake", "django"])
def test_what_fails_of_an_item_is_its_result_alone(
    through: str, victim: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in [*BATCHED, "trading.http.items.to_struct"]:
        with monkeypatch.context() as patched:
            raised = plant(patched, step, MARKS, RUNTIME)
            answer = batch_of(victim, through, [order_body(), victims_body(), order_body(qty="x")])
        assert raised, step
        assert answer.status == 202, step
        items = [item["code"] or item["ok"] for item in answer.body["results"]]
        assert items == [True, "INTERNAL_ERROR", "INVALID_NUMBER"], step
    orders = Order.objects.filter(user=victim.user)
    held = sum(orders.values_list("held_units", flat=True))
    assert held == Wallet.objects.get(user=victim.user).held_units
    assert {order.market_id for order in orders} == {"BTC-PERP"}


def batch_of(trader: Trader, through: str, orders: list[Any]) -> Answer:
    if through == "django":
        return trader.api.post("/orders/batch", {"orders": orders})
    request = Plain("/orders/batch", f"Bearer {trader.api.token}", True, ())
    call = Call(request, json.dumps({"orders": orders}).encode(), ORIGIN)
    answer_together([call])
    assert call.answer is not None
    return Answer(call.answer.status, json.loads(call.answer.body))


def test_what_fails_of_a_cancel_is_its_answer_alone(
    victim: Trader,
    neighbours: list[Trader],
    redis_db: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    order_ids = [trader.place().body["orderId"] for trader in neighbours]
    own = victim.api.post("/order", victims_body()).body["orderId"]
    marks = (str(victim.api.token), f"{own}", VICTIMS)
    Order.objects.filter(pk=order_ids[2]).update(status="filled", held_units=0)
    for step in CANCELLING:
        calls = [
            call_of(neighbours[0], order_ids[0]),
            call_of(victim, own),
            call_of(neighbours[1], order_ids[1]),
            call_of(neighbours[2], order_ids[2]),
        ]
        OutboxCommand.objects.filter(command_type="CancelOrder").delete()
        forget_commands(redis_db)
        caplog.clear()
        with monkeypatch.context() as patched:
            raised = plant(patched, step, marks, RUNTIME)
            answer_together(calls)
        assert raised, step
        expected = [(202, ""), (500, "INTERNAL_ERROR"), (202, ""), (409, "ORDER_NOT_OPEN")]
        assert codes(calls) == expected, step
        assert len(tracebacks(caplog)) == 1, step
        promised = OutboxCommand.objects.filter(command_type="CancelOrder").order_by("pk")
        assert [row.payload["order_id"] for row in promised] == order_ids[:2], step
        sent = [c for c in sent_commands(redis_db) if type(c).__name__ == "CancelOrder"]
        assert [command.order_id for command in sent] == order_ids[:2], step


@pytest.mark.parametrize("through", ["intake", "django"])
def test_what_fails_of_a_cancel_in_a_batch_is_its_result_alone(
    through: str, victim: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [victim.place().body["orderId"] for _ in range(2)]
    own = victim.api.post("/order", victims_body()).body["orderId"]
    order_ids = (kept[0], own, kept[1])
    for step in CANCELLING[1:]:
        with monkeypatch.context() as patched:
            plant(patched, step, (f"{own}", VICTIMS), RUNTIME)
            answer = cancel_batch_of(victim, through, order_ids)
        assert answer.status == 202, step
        items = [item["code"] or item["ok"] for item in answer.body["results"]]
        assert items == [True, "INTERNAL_ERROR", True], step


def cancel_batch_of(trader: Trader, through: str, order_ids: tuple[int, ...]) -> Answer:
    if through == "django":
        return trader.api.delete(f"/orders/batch?orderIds={','.join(map(str, order_ids))}")
    request = Plain("/orders/batch", f"Bearer {trader.api.token}", True, order_ids)
    call = Call(request, b"", ORIGIN)
    answer_together([call])
    assert call.answer is not None
    return Answer(call.answer.status, json.loads(call.answer.body))


@pytest.mark.parametrize("step", ["placed_answer", "to_api_error", "error_headers"])
def test_an_answer_that_cant_be_made_is_nobody_elses(
    step: str, victim: Trader, neighbours: list[Trader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order may be placed; that it is not said costs its sender alone."""
    calls = [call_of(trader, **order_body()) for trader in neighbours]
    bad = call_of(neighbours[0], **order_body(price="25000.05"))
    marks = ("INVALID_PRICE", "multiple of the tick")
    if step == "placed_answer":
        bad = call_of(victim, **victims_body())
        calls, others = [bad], calls
        plant(monkeypatch, f"trading.intake.group.{step}", ("PlacedOrder",), RUNTIME)
        answer_together(calls)
        monkeypatch.undo()
        answer_together(others)
        calls = [*others, bad]
    else:
        calls.insert(1, bad)
        plant(monkeypatch, f"trading.intake.group.{step}", marks, RuntimeError("planted"))
        answer_together(calls)
        calls.append(calls.pop(1))
    assert codes(calls) == [(202, "")] * 3 + [(500, "INTERNAL_ERROR")]


def test_a_command_that_cant_be_sent_holds_no_other_up(
    victim: Trader,
    neighbours: list[Trader],
    redis_db: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is committed and acknowledged by then, and sent again as when Redis is away."""
    plant(monkeypatch, "trading.commands.publisher.encode_command", MARKS, RuntimeError("planted"))
    caplog.set_level(logging.CRITICAL)
    calls = [call_of(neighbours[0], **order_body()), call_of(victim, **victims_body())]
    calls += [call_of(neighbours[1], **order_body())]
    answer_together(calls)
    assert codes(calls) == [(202, "")] * 3
    assert placed_in(redis_db, "BTC-PERP") == [trader.user.pk for trader in neighbours[:2]]
    assert Order.objects.get(user=victim.user).status == "pending"


# --- times that no calendar has in UTC ------------------------------------------------------------

TIMES = (
    "9999-12-31T23:59:59-01:00",
    "9999-12-31T23:59:59.999999-23:59",
    "9999-12-31T23:59:59.9999999Z",
    "0001-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00+23:59",
    "0000-12-31T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2100-12-31T23:59:60Z",
    "2100-01-01T24:00:00Z",
    "2100-02-29T00:00:00Z",
    "2100-01-01T00:00:00+24:00",
    "2100-01-01T00:00:00-24:00",
    "2100-01-01T00:00:00",
    "",
    253402300800000,
    1e300,
    True,
)


def test_a_time_beyond_the_calendar_is_refused(victim: Trader) -> None:
    stop = {"type": "STOP", "price": "26000"}
    for send in (victim.api.post, IntakeApi(victim.api.token).post):
        bodies = []
        for time in TIMES:
            body = order_body(expiresAt=time, clientOrderId="late")
            answer = send("/order", body)
            told = (answer.status, answer.code, answer.body["field"])
            assert told == (400, "INVALID_FIELD", "expiresAt"), time
            bodies += [body, order_body(expiresAt=time, trigger=stop)]
        items = send("/orders/batch", {"orders": [order_body(), *bodies]}).body["results"]
        assert items[0]["ok"]
        assert {item["code"] for item in items[1:]} == {"INVALID_FIELD"}
    assert Order.objects.count() == 2


def test_the_last_time_of_the_calendar_is_taken(victim: Trader) -> None:
    for time in ("9999-12-31T23:59:59.999Z", "9999-12-31T22:59:59-01:00", "2100-01-01T00:00:00Z"):
        order_id = victim.place(expiresAt=time, qty="0.1", margin="250").body["orderId"]
        assert victim.api.get(f"/order/{order_id}").status == 200


LISTS = ("/user/orders", "/user/fills", "/user/ledger", "/markets/BTC-PERP/trades")


def test_a_window_beyond_the_calendar_is_refused(victim: Trader) -> None:
    for path in (*(f"{path}?" for path in LISTS), "/markets/BTC-PERP/candles?interval=1m&"):
        for ms in ("-1", "253402300800000", "9" * 19, "9" * 400, "1e3", "1.5", "x"):
            for name in ("from", "to"):
                answer = victim.api.get(f"{path}{name}={ms}")
                assert (answer.status, answer.body["field"]) == (400, name), (path, ms)


def test_a_countdown_beyond_its_bounds_is_refused(victim: Trader) -> None:
    for ms in (-1, 86_400_001, 2**63, 10**30, 1.5, "1000", True, None):
        body = {"marketId": "BTC-PERP", "countdownMs": ms}
        answer = victim.api.post("/orders/countdown", body)
        assert (answer.status, answer.body["field"]) == (400, "countdownMs"), ms
