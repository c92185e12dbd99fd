"""Order intake: calls that arrive together, and what becomes of them when something goes wrong."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import OperationalError

from accounts.keys import known
from accounts.keys.known import known_keys
from accounts.keys.replays import Question, Spent, replays
from accounts.services import suspend_user
from ledger.models import Wallet
from markets.models import Market
from tests.builders.keys import Key, KeyIntakeApi, make_ed25519_key, make_key
from tests.flow.exchange import wait_for
from tests.patience import PATIENCE_S
from tests.trading.client import Answer, Trader, make_trader, order_body, sent_commands, token_of
from tests.trading.intake_server import IntakeApi, IntakeServer
from trading.intake import desk, group
from trading.intake.group import Call, identify_together
from trading.models import Order, OutboxCommand
from trading.orders.cancel import cancel_together
from trading.orders.place import place_together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def intake(market: Market) -> Iterator[IntakeServer]:
    server = IntakeServer()
    yield server
    server.stop()


class Gate:
    """Holds the lane inside a group until `open`; notes how many orders each group had."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.reached, self._opened = threading.Event(), threading.Event()
        self._place = place_together

    def place(self, orders: Any) -> Any:
        self.groups.append(len(orders))
        self.reached.set()
        assert self._opened.wait(PATIENCE_S)
        return self._place(orders)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(group, "place_together", gate.place)
    yield gate
    gate.open()


class Crowd:
    """Requests that are sent while the lane is held, so that they arrive together."""

    def __init__(self, server: IntakeServer) -> None:
        self.server = server
        self.pool = ThreadPoolExecutor(40)
        self.answers: list[Future[Answer]] = []

    def send(self, token: str | None, data: bytes, path: str = "/order") -> None:
        self._send("POST", token, data, path)

    def cancel(self, trader: Trader, path: str) -> None:
        self._send("DELETE", trader.api.token, b"", path)

    def send_signed(self, data: bytes, headers: dict[str, str]) -> None:
        api = IntakeApi(None, self.server)
        self.answers.append(self.pool.submit(api.send, "POST", "/order", data, **headers))

    def _send(self, method: str, token: str | None, data: bytes, path: str) -> None:
        api = IntakeApi(token, self.server)
        before = len(self.server.intake.desk.waiting)
        self.answers.append(self.pool.submit(api.send, method, path, data))
        while len(self.server.intake.desk.waiting) == before and not self.answers[-1].done():
            pass  # until it waits in the lane

    def run_out_of_time(self) -> None:
        """As if all that wait had waited too long."""
        waiting = self.server.intake.desk.waiting
        for call, (tell, _) in list(waiting.items()):
            waiting[call] = tell, 0.0

    def order(self, trader: Trader, **fields: Any) -> None:
        self.send(trader.api.token, json.dumps(order_body(**fields)).encode())

    def results(self) -> list[tuple[int, str]]:
        answers = [answer.result() for answer in self.answers]
        self.pool.shutdown()
        return [(answer.status, answer.body.get("code", "")) for answer in answers]


@pytest.fixture
def crowd(intake: IntakeServer) -> Crowd:
    return Crowd(intake)


def expired_token(trader: Trader) -> str:
    return token_of(trader.user.pk, timedelta(days=-1))


def test_calls_that_arrive_together_are_one_group(trader: Trader, crowd: Crowd, gate: Gate) -> None:
    bob, mallory = make_trader(), make_trader()
    suspend_user(mallory.user)
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    crowd.order(bob, clientOrderId="b")
    crowd.order(bob, price="25000.05")
    crowd.order(mallory)
    crowd.send(trader.api.token, b'{"marketId": "BTC')
    crowd.send(None, b"{}")
    crowd.send("forged", b"{}")
    crowd.send(expired_token(trader), json.dumps(order_body()).encode())
    batch = {"orders": [order_body(), order_body(qty="x"), "rubbish", order_body(margin="9000")]}
    crowd.send(trader.api.token, json.dumps(batch).encode(), "/orders/batch")
    crowd.order(trader, marketId="NONE")
    crowd.order(bob, clientOrderId="b")
    gate.open()
    assert crowd.results() == [
        (202, ""),
        (202, ""),
        (400, "INVALID_PRICE"),
        (403, "ACCOUNT_SUSPENDED"),
        (400, "MALFORMED_JSON"),
        (401, "NOT_AUTHENTICATED"),
        (401, "TOKEN_INVALID"),
        (401, "TOKEN_EXPIRED"),
        (202, ""),
        (404, "MARKET_NOT_FOUND"),
        (200, ""),
    ]
    items = crowd.answers[8].result().body["results"]
    assert [item["code"] or item["ok"] for item in items] == [
        *(True, "INVALID_NUMBER", "MALFORMED_JSON", "INSUFFICIENT_BALANCE"),
    ]
    assert gate.groups == [1, 7]  # the calls that could be read, the batch's three and four
    held = sum(Order.objects.filter(user=trader.user).values_list("held_units", flat=True))
    assert Order.objects.count() == 3
    assert Wallet.objects.get(user=trader.user).held_units == held


def test_of_signed_calls_that_arrive_together_redis_is_asked_once(
    trader: Trader, crowd: Crowd, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, asked, ask = make_key(trader), [], replays.ask

    def count(spent: Sequence[Spent]) -> Question:
        asked.append(len(spent))
        return ask(spent)

    monkeypatch.setattr(replays, "ask", count)
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    asked.clear()
    bodies = [json.dumps(order_body(qty="0", margin=own)).encode() for own in "1234"]
    signed = [(body, key.headers("POST", "/order", body)) for body in bodies]
    for body, headers in [*signed, signed[0]]:
        crowd.send_signed(body, headers)
    lane = crowd.server.intake.desk._lane
    wait_for(lambda: lane is not None and lane._calls.qsize() == 5, "all in front of the lane")
    gate.open()
    codes = sorted(code for _, code in crowd.results())
    assert codes == ["", *["INVALID_SIZE"] * 4, "REPLAYED"]
    assert asked == [5]


def test_only_what_takes_long_to_look_at_passes_the_door(
    trader: Trader, intake: IntakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []

    def note(calls: Sequence[Call]) -> None:
        passed.extend(
            call.request.signed.headers.public_id for call in calls if call.request.signed
        )
        identify_together(calls)

    monkeypatch.setattr(desk, "identify_together", note)
    monkeypatch.setattr(known, "REFRESH_S", 600.0)  # none falls due meanwhile
    quick, slow = make_key(trader), make_ed25519_key(trader, name="slow")
    nobodys = Key(0, "hm" + "0" * 32, quick.sign)
    known_keys.forget()
    for key, passes in ((quick, 1), (slow, 2), (nobodys, 1)):
        codes = [KeyIntakeApi(key, intake).post("/order", order_body(qty="0")).code for _ in "ab"]
        assert codes == ["INVALID_SIGNATURE" if key is nobodys else "INVALID_SIZE"] * 2
        assert passed.count(key.public_id) == passes


def test_cancels_that_arrive_together_are_one_group(
    trader: Trader,
    crowd: Crowd,
    gate: Gate,
    redis_db: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the very orders they name, published behind them, each with its own answer."""
    bob = make_trader()
    mine, filled = (trader.place().body["orderId"] for _ in range(2))
    bobs = bob.place().body["orderId"]
    Order.objects.filter(pk=filled).update(status="filled", held_units=0)
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    crowd.cancel(trader, f"/order/{mine}")
    crowd.cancel(trader, f"/order/{bobs}")
    crowd.cancel(bob, f"/orders/batch?orderIds={bobs},{mine},{bobs}")
    crowd.cancel(trader, f"/order/{filled}")
    crowd.cancel(bob, f"/order/{2**62}")
    crowd.order(bob)
    together: list[int] = []
    cancel = cancel_together

    def spy(asked: Any) -> Any:
        together.append(len(asked))
        return cancel(asked)

    monkeypatch.setattr(group, "cancel_together", spy)
    gate.open()
    assert crowd.results() == [
        (202, ""),
        (202, ""),
        (404, "ORDER_NOT_FOUND"),
        (202, ""),
        (409, "ORDER_NOT_OPEN"),
        (404, "ORDER_NOT_FOUND"),
        (202, ""),
    ]
    assert together == [7]
    items = crowd.answers[3].result().body["results"]
    assert [item["code"] or item["ok"] for item in items] == [True, "ORDER_NOT_FOUND", True]
    rows = OutboxCommand.objects.filter(command_type="CancelOrder").order_by("pk")
    assert [row.payload["order_id"] for row in rows] == [mine, bobs, bobs]
    assert [row.created_by_id for row in rows] == [trader.user.pk, bob.user.pk, bob.user.pk]
    sent = sent_commands(redis_db)[-6:]
    assert [type(command).__name__ for command in sent] == ["PlaceOrder", "CancelOrder"] * 3
    assert [command.order_id for command in sent] == [mine, mine, bobs, bobs, bobs, bobs]


def test_a_cancel_that_fails_leaves_orders_placed(
    trader: Trader, crowd: Crowd, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = trader.place().body["orderId"]

    def fault(asked: Any) -> Any:
        raise OperationalError("planted")

    monkeypatch.setattr(group, "cancel_together", fault)
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    crowd.cancel(trader, f"/order/{order_id}")
    crowd.order(trader)
    gate.open()
    assert crowd.results() == [(202, ""), (503, "DATABASE_UNAVAILABLE"), (202, "")]
    assert Order.objects.count() == 3


def test_a_full_queue_is_said_at_once(
    trader: Trader, crowd: Crowd, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    monkeypatch.setattr(desk, "WAITING_MAX", 1)
    api = IntakeApi(trader.api.token, crowd.server)
    refused = api.post("/order", order_body())
    assert (refused.status, refused.code) == (503, "INTAKE_FULL")
    assert api.headers["retry-after"] == "1"
    gate.open()
    assert crowd.results() == [(202, "")]
    assert Order.objects.count() == 1


def test_a_lane_that_hangs_keeps_nobody_waiting(trader: Trader, crowd: Crowd, gate: Gate) -> None:
    crowd.order(trader, clientOrderId="begun")
    assert gate.reached.wait(PATIENCE_S)
    crowd.order(trader, clientOrderId="not begun")
    crowd.run_out_of_time()
    assert crowd.results() == [(503, "INTAKE_TIMEOUT")] * 2
    gate.open()
    api = IntakeApi(trader.api.token, crowd.server)
    assert api.post("/order", order_body(clientOrderId="begun")).status == 200  # it was placed
    assert [order.client_order_id for order in Order.objects.all()] == ["begun"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lane_that_dies_is_replaced(
    trader: Trader, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_together
    died = threading.Event()

    def die_once(orders: Any) -> Any:
        monkeypatch.setattr(group, "place_together", place)
        died.set()
        raise SystemExit

    monkeypatch.setattr(group, "place_together", die_once)
    crowd.order(trader, clientOrderId="lost")
    assert died.wait(PATIENCE_S)
    crowd.run_out_of_time()
    assert crowd.results() == [(503, "INTAKE_TIMEOUT")]
    api = IntakeApi(trader.api.token, crowd.server)
    assert api.post("/order", order_body(clientOrderId="lost")).status == 202


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_calls_that_wait_survive_the_death_of_the_lane(
    trader: Trader, crowd: Crowd, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sends anything more: the watch finds the lane dead."""
    held = gate.place

    def die_first(orders: Any) -> Any:
        if not gate.groups:
            held([])
            raise SystemExit
        return held(orders)

    monkeypatch.setattr(group, "place_together", die_first)
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    crowd.order(trader)
    gate.open()
    assert crowd.answers[1].result().status == 202
    crowd.run_out_of_time()
    assert crowd.results() == [(503, "INTAKE_TIMEOUT"), (202, "")]
    assert Order.objects.count() == 1


def test_a_fault_of_ours_is_everyones_answer_and_the_lane_lives(
    trader: Trader, intake: IntakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(orders: Any) -> Any:
        raise RuntimeError("planted")

    api = IntakeApi(trader.api.token, intake)
    with monkeypatch.context() as patched:
        patched.setattr(group, "place_together", fault)
        answer = api.post("/order", order_body())
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert api.post("/order", order_body()).status == 202


def test_what_was_taken_is_answered_before_the_server_stops(
    trader: Trader, market: Market, gate: Gate
) -> None:
    crowd = Crowd(IntakeServer())
    crowd.order(trader)
    assert gate.reached.wait(PATIENCE_S)
    crowd.order(trader)
    stopping = threading.Thread(target=crowd.server.stop)
    stopping.start()
    gate.open()
    assert crowd.results() == [(202, "")] * 2
    stopping.join()
    assert Order.objects.count() == 2
