"""① Orders over a socket: the same rules and answers as over HTTP, beside the feeds on one port."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.flow.exchange import PASSWORD, Exchange, Trader, wait_for
from tests.flow.test_waiting import body_of
from tests.patience import PATIENCE_S
from trading.http.limits import PER_S, CallKind, rate_of

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


class Socket:
    """A client that keeps what it hears by what it is about."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, op: str, id: int | str, **fields: Any) -> None:
        self.connection.send(msgspec.json.encode({"op": op, "id": id, **fields}).decode())

    def hear(self) -> dict[str, Any]:
        """The next message that is no heartbeat."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            data = self.connection.recv(timeout=max(0.0, deadline - time.monotonic()))
            heard: dict[str, Any] = msgspec.json.decode(data)
            if heard.get("op") != "heartbeat":
                return heard

    def hear_until(self, op: str) -> dict[str, Any]:
        while (heard := self.hear()).get("op") != op:
            assert heard.get("op") != "error", heard
        return heard

    def ask(self, op: str, id: int | str, **fields: Any) -> dict[str, Any]:
        self.say(op, id, **fields)
        heard = self.hear()
        assert heard.get("id") == id, heard
        return heard

    def ack(self, op: str, id: int | str, **fields: Any) -> dict[str, Any]:
        heard = self.ask(op, id, **fields)
        assert heard["op"] == "ack", heard
        answer: dict[str, Any] = heard["answer"]
        return answer

    def refused(self, op: str, id: int | str, **fields: Any) -> str:
        heard = self.ask(op, id, **fields)
        assert (heard["op"], bool(heard["message"])) == ("error", True), heard
        return str(heard["code"])


Connect = Callable[..., Socket]


@pytest.fixture
def open_socket(exchange: Exchange) -> Iterator[Connect]:
    """For a trader, or for nobody."""
    with ExitStack() as opened:

        def make(trader: Trader | None = None, path: str = "/ws", **auth: Any) -> Socket:
            url = f"ws://127.0.0.1:{exchange.port}{path}"
            socket = Socket(opened.enter_context(connect(url, max_queue=None)))
            if trader is not None:
                said = {"op": "auth", "token": trader.token, **auth}
                socket.connection.send(msgspec.json.encode(said).decode())
                assert socket.hear()["op"] == "authenticated"
            return socket

        yield make


def test_each_op_does_what_its_call_does(new_trader: NewTrader, open_socket: Connect) -> None:
    trader = new_trader()
    socket = open_socket(trader)
    order = body_of("LONG", "0.1", "49900", clientOrderId="first")
    placed = socket.ack("place", "a", order=order)
    assert placed == {
        "message": "Order received.",
        "orderId": placed["orderId"],
        "status": "pending",
    }
    order_id = placed["orderId"]
    trader.wait_until(order_id, "open")
    again = socket.ask("place", "a", order=order)
    assert (again["status"], again["answer"]["orderId"]) == (200, order_id)
    assert again["rateLimit"]["limit"] == rate_of(PER_S[CallKind.ORDERS]).burst
    change = {"clientOrderId": "first", "price": "49910", "visibleQty": "0.02"}
    assert socket.ack("amend", 2, order=change)["message"] == "Amendment received."
    wait_for(lambda: trader.order(order_id)["price"] == "49910", "the amendment")
    assert trader.order(order_id)["visibleQty"] == "0.02"
    assert socket.ack("cancel", 3, clientOrderId="first")["orderId"] == order_id
    trader.wait_until(order_id, "cancelled")
    assert socket.refused("cancel", 4, orderId=order_id) == "ORDER_NOT_OPEN"
    items = [body_of("LONG", "0.1", "49800", clientOrderId=name) for name in ("b1", "b2", "b3")]
    batch = socket.ack("batch", 5, orders=[*items, {"marketId": "BTC-PERP"}])["results"]
    assert [one["ok"] for one in batch] == [True, True, True, False]
    ids = [one["orderId"] for one in batch[:3]]
    for one in ids:
        trader.wait_until(one, "open")
    amendments = [{"orderId": ids[0], "qty": "0.05"}, {"orderId": 1, "qty": "0.05"}]
    amended = socket.ack("batch", 6, amendments=amendments)["results"]
    assert [one["ok"] for one in amended] == [True, False]
    cancelled = socket.ack("batch", 7, clientOrderIds=["b1", "nobody's"])["results"]
    assert [one["ok"] for one in cancelled] == [True, False]
    assert [one["ok"] for one in socket.ack("batch", 8, orderIds=[ids[1]])["results"]] == [True]
    countdown = socket.ack("countdown", 9, marketId="BTC-PERP", countdownMs=60_000)
    assert countdown["marketId"] == "BTC-PERP"
    assert socket.ack("cancelAll", 10, marketId="BTC-PERP")["marketIds"] == ["BTC-PERP"]
    for one in ids:
        trader.wait_until(one, "cancelled")
    assert socket.ack("countdown", 11, marketId="BTC-PERP", countdownMs=0)["commandId"]


def test_a_result_follows_the_ack_when_the_engine_has_decided(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    maker, taker = open_socket(new_trader()), open_socket(new_trader())
    placed = maker.ack("place", 1, order=body_of("SHORT", "0.1", "50010"), wait="result")
    result = maker.hear()
    assert (result["op"], result["id"], result["orderId"]) == ("result", 1, placed["orderId"])
    assert result["result"]["status"] == "open"
    orders = [body_of("LONG", "0.1", "50010"), body_of("LONG", "x", "1")]
    ids = [
        one.get("orderId") for one in taker.ack("batch", 2, orders=orders, wait="result")["results"]
    ]
    (filled,) = taker.hear()["results"]
    assert (filled["orderId"], ids[1]) == (ids[0], None)
    assert (filled["result"]["status"], filled["result"]["averagePrice"]) == ("filled", "50010")
    inside = body_of("LONG", "0.1", "49900", wait="result")
    assert taker.refused("place", 4, order=inside) == "UNKNOWN_FIELD"


def test_changes_are_waited_for_as_well(new_trader: NewTrader, open_socket: Connect) -> None:
    trader = new_trader()
    socket = open_socket(trader)
    order = body_of("LONG", "0.1", "49900", clientOrderId="it")
    order_id = socket.ack("place", 1, order=order, wait="result")["orderId"]
    assert socket.hear()["result"]["status"] == "open"
    trader.wait_until(order_id, "open")  # in the books, too: else there is nothing to amend yet
    socket.ack("amend", 2, order={"orderId": order_id, "price": "49910"}, wait="result")
    amended = socket.hear()
    assert (amended["orderId"], amended["result"]["done"]) == (order_id, True)
    assert (amended["result"]["status"], amended["result"]["reason"]) == ("open", None)
    socket.ack("batch", 3, amendments=[{"orderId": order_id, "qty": "0.05"}], wait="result")
    (amended,) = socket.hear()["results"]
    assert amended["result"]["seq"] > 0
    other = body_of("LONG", "0.1", "49800")
    other_id = socket.ack("place", 4, order=other, wait="result")["orderId"]
    assert socket.hear()["id"] == 4
    socket.ack("cancel", 5, clientOrderId="it", wait="result")
    cancelled = socket.hear()
    assert cancelled["orderId"] == order_id
    assert (cancelled["result"]["status"], cancelled["result"]["reason"]) == ("cancelled", "USER")
    socket.ack("batch", 6, orderIds=[other_id, 10**9], wait="result")
    assert [one["orderId"] for one in socket.hear()["results"]] == [other_id]


def test_what_is_sent_takes_effect_in_its_order(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    """None of it waits for an answer: place, cancel it by name, cancel all, place again."""
    trader = new_trader()
    socket = open_socket(trader)
    for number in range(10):
        name = f"round-{number}"
        socket.say("place", name, order=body_of("LONG", "0.001", "49900", clientOrderId=name))
        socket.say("cancel", f"{name}-cancel", clientOrderId=name)
        socket.say("place", f"{name}-b", order=body_of("LONG", "0.001", "49900"))
        socket.say("cancelAll", f"{name}-all", marketId="BTC-PERP")
    socket.say("place", "last", order=body_of("LONG", "0.001", "49900", clientOrderId="last"))
    heard = [socket.hear() for _ in range(41)]
    assert {one["op"] for one in heard} == {"ack"}, heard
    wait_for(lambda: not trader.get("/user/orders?status=pending")["orders"], "the engine")
    (left,) = wait_for(
        lambda: (
            orders if len(orders := trader.get("/user/orders?status=open")["orders"]) == 1 else None
        ),
        "one order to stay",
    )
    assert left["clientOrderId"] == "last"


BAD: list[tuple[str | bytes, str, Any]] = [
    ("rubbish", "MALFORMED_JSON", None),
    (b"\x00\xff\xfe", "MALFORMED_JSON", None),
    ('{"op":"fly","id":1}', "INVALID_MESSAGE", 1),
    ('{"op":"place","id":2}', "INVALID_MESSAGE", 2),
    ('{"op":"place","order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":null,"order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":1.5,"order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":true,"order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":"","order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":"' + "x" * 65 + '","order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":9007199254740992,"order":{}}', "INVALID_MESSAGE", None),
    ('{"op":"place","id":"y","order":{},"x":1}', "INVALID_MESSAGE", "y"),
    ('{"op":"place","id":3,"id":3,"order":{}}', "INVALID_MESSAGE", 3),
    ('{"op":"place","id":3,"wait":"ack","order":{}}', "INVALID_MESSAGE", 3),
    ('{"op":"place","id":3,"order":[]}', "MALFORMED_JSON", 3),
    ('{"op":"place","id":3,"order":null}', "MALFORMED_JSON", 3),
    ('{"op":"place","id":3,"order":{}}', "MISSING_FIELD", 3),
    ('{"op":"place","id":3,"order":{"marketId":"BTC-PERP","side":"LONG",'
     '"side":"SHORT"}}', "UNKNOWN_FIELD", 3),
    ('{"op":"amend","id":4,"order":{}}', "MISSING_FIELD", 4),
    ('{"op":"amend","id":4,"order":{"orderId":1,"clientOrderId":"a"}}', "MISSING_FIELD", 4),
    ('{"op":"cancel","id":5}', "INVALID_MESSAGE", 5),
    ('{"op":"cancel","id":5,"orderId":0}', "INVALID_MESSAGE", 5),
    ('{"op":"cancel","id":5,"orderId":"7"}', "INVALID_MESSAGE", 5),
    ('{"op":"cancel","id":5,"orderId":7,"clientOrderId":"a"}', "INVALID_MESSAGE", 5),
    ('{"op":"cancel","id":5,"orderId":7}', "ORDER_NOT_FOUND", 5),
    ('{"op":"cancel","id":5,"clientOrderId":"a\\u0000"}', "ORDER_NOT_FOUND", 5),
    ('{"op":"cancelAll","id":6,"marketId":"NONE"}', "MARKET_NOT_FOUND", 6),
    ('{"op":"cancelAll","id":6,"side":"UP"}', "INVALID_MESSAGE", 6),
    ('{"op":"batch","id":7}', "INVALID_MESSAGE", 7),
    ('{"op":"batch","id":7,"orders":[]}', "BATCH_SIZE", 7),
    ('{"op":"batch","id":7,"orders":{}}', "INVALID_FIELD", 7),
    ('{"op":"batch","id":7,"orderIds":[]}', "INVALID_MESSAGE", 7),
    ('{"op":"batch","id":7,"orderIds":[1],"orders":[]}', "INVALID_MESSAGE", 7),
    ('{"op":"batch","id":7,"amendments":[]}', "BATCH_SIZE", 7),
    ('{"op":"countdown","id":8,"marketId":"BTC-PERP","countdownMs":-1}', "INVALID_FIELD", 8),
    ('{"op":"countdown","id":8,"marketId":"NONE","countdownMs":1}', "MARKET_NOT_FOUND", 8),
]  # fmt: skip


def test_bad_input_is_told_with_its_id_and_changes_nothing(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    trader = new_trader()
    socket = open_socket(trader)
    before = trader.equity()
    for data, code, id in BAD:
        socket.connection.send(data)
        heard = socket.hear()
        assert (heard["op"], heard["code"], heard.get("id")) == ("error", code, id), (data, heard)
    assert trader.get("/user/orders")["orders"] == []
    assert trader.equity() == before
    assert socket.ack("place", 1, order=body_of("LONG", "0.001", "49900"))["orderId"]


def test_nobody_places_who_has_not_said_who_it_is(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    socket = open_socket()
    assert socket.refused("place", 1, order=body_of("LONG", "0.1", "49900")) == "NOT_AUTHENTICATED"
    trader = new_trader()
    signed = open_socket(trader)
    again = {"username": trader.username, "password": PASSWORD}
    (session,) = trader.get("/auth/sessions")["sessions"]
    ended = trader.send("DELETE", f"/auth/sessions/{session['sessionId']}")
    assert ended.status_code == 200, ended.text
    heard = signed.hear()
    assert (heard["op"], heard["code"]) == ("error", "SESSION_ENDED")
    assert signed.refused("place", 1, order=body_of("LONG", "0.1", "49900")) == "NOT_AUTHENTICATED"
    trader.token = trader.exchange.http.post("/auth/signin", json=again).json()["token"]


def test_an_id_is_used_again_only_once_it_is_answered(
    exchange: Exchange, new_trader: NewTrader, open_socket: Connect
) -> None:
    """While the engine is down a result is waited for, and its id with it."""
    trader = new_trader()
    socket = open_socket(trader)
    exchange.kill_engine()
    try:
        order = body_of("LONG", "0.001", "49900", clientOrderId="once")
        order_id = socket.ack("place", "x", order=order, wait="result")["orderId"]
        assert socket.refused("place", "x", order=order) == "DUPLICATE_ID"
        heard = socket.hear()
        assert heard == {"op": "result", "id": "x", "orderId": order_id, "result": None}
        assert socket.ask("place", "x", order=order)["answer"]["orderId"] == order_id
    finally:
        exchange.start_engine()
    trader.wait_until(order_id, "open")
    assert len(trader.get("/user/orders")["orders"]) == 1


def test_a_socket_that_closes_leaves_its_requests_on_their_way(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    trader = new_trader()
    socket = open_socket(trader)
    names = [f"gone-{number}" for number in range(40)]
    for name in names:
        order = body_of("LONG", "0.001", "49900", clientOrderId=name)
        socket.say("place", name, order=order, wait="result")
    socket.connection.close()
    again = open_socket(trader)
    for name in names:
        order = body_of("LONG", "0.001", "49900", clientOrderId=name)
        assert again.ack("place", name, order=order)["orderId"]
    orders = trader.get("/user/orders?limit=100")["orders"]
    assert sorted(order["clientOrderId"] for order in orders) == sorted(names)


def test_budgets_are_those_of_http(new_trader: NewTrader, open_socket: Connect) -> None:
    """Who has spent what is theirs is told how long to wait, over either way, and again."""
    trader = new_trader()
    socket = open_socket(trader)
    burst = rate_of(PER_S[CallKind.ORDERS]).burst
    orders = [{"marketId": "BTC-PERP"}] * 100
    codes = []
    for number in range(3 * burst // 100):
        heard = socket.ask("batch", number, orders=orders)
        codes.append((heard["op"], heard.get("code")))
    assert ("error", "TOO_MANY_REQUESTS") in codes
    assert codes[: burst // 100] == [("ack", None)] * (burst // 100)
    heard = socket.ask("batch", "more", orders=orders)
    assert (heard["code"], heard["retryAfterS"] > 0) == ("TOO_MANY_REQUESTS", True)
    over_http = trader.send("POST", "/orders/batch", json={"orders": orders})
    assert over_http.status_code == 429
    assert socket.ack("cancelAll", "others", marketId="BTC-PERP")["marketIds"]


def test_more_than_may_be_unanswered_is_told(new_trader: NewTrader, open_socket: Connect) -> None:
    trader = new_trader()
    socket = open_socket(trader)
    for number in range(250):
        socket.say("cancel", number, orderId=1 + number)
    heard = [socket.hear() for _ in range(250)]
    assert sorted(one["id"] for one in heard) == list(range(250))
    assert {one["code"] for one in heard} <= {
        "ORDER_NOT_FOUND",
        "TOO_MANY_UNANSWERED",
        "TOO_MANY_REQUESTS",
    }
    assert socket.ack("place", "p", order=body_of("LONG", "0.001", "49900"))["orderId"]


def test_whoever_floods_with_refusals_is_disconnected(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    socket = open_socket()

    def flood() -> None:
        for number in range(2_000):
            socket.say("place", number, order={})
        while True:
            socket.hear()

    with pytest.raises(ConnectionClosed) as closed:
        flood()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason.startswith("TOO_MANY_MESSAGES")


def test_a_socket_places_for_the_account_it_named(
    new_trader: NewTrader, open_socket: Connect
) -> None:
    trader = new_trader()
    made = trader.send("POST", "/user/accounts", json={"name": "hedge"})
    assert made.status_code == 201, made.text
    hedge = open_socket(trader, account="hedge")
    order = body_of("LONG", "0.1", "49900", clientOrderId="same")
    assert hedge.refused("place", 1, order=order) == "INSUFFICIENT_BALANCE"
    move = {"amount": "1000", "toAccount": "hedge", "idempotencyKey": "to-hedge"}
    assert trader.send("POST", "/user/transfers", json=move).is_success
    placed = hedge.ack("place", 2, order=order)["orderId"]
    main = open_socket(trader)
    assert main.ack("place", 1, order=order)["orderId"] != placed
    assert main.refused("cancel", 2, orderId=placed) == "ORDER_NOT_FOUND"
    trader.wait_until(main.ack("cancel", 3, clientOrderId="same")["orderId"], "cancelled")
    assert hedge.ack("cancel", 3, clientOrderId="same")["orderId"] == placed


def test_one_address_is_enough(
    exchange: Exchange, new_trader: NewTrader, open_socket: Connect
) -> None:
    """Orders, the book and the account over one socket at the API's port; strangers' pages not."""
    socket = open_socket(new_trader())
    socket.say("subscribe", "s", channels=["book:BTC-PERP", "account"])
    subscribed = socket.hear_until("subscribed")
    assert subscribed["seq"]["BTC-PERP"] > 0
    socket.say("place", "p", order=body_of("LONG", "0.1", "49910"))
    told: dict[str, Any] = {}
    while not {"ack", "account", "book:BTC-PERP"} <= told.keys():  # in whichever order
        heard = socket.hear()
        told.setdefault(str(heard.get("channel", heard.get("op"))), heard)
    order_id = told.pop("ack")["answer"]["orderId"]
    assert told["account"]["events"][0]["orderId"] == order_id
    assert {heard["id"] for heard in told.values()} == {"s"}
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{exchange.port}/ws", additional_headers=headers)
        assert refused.value.response.status_code == 403


def test_under_the_version_too(new_trader: NewTrader, open_socket: Connect) -> None:
    socket = open_socket(new_trader(), "/v1/ws")
    assert socket.ack("place", 1, order=body_of("LONG", "0.001", "49900"))["orderId"]
