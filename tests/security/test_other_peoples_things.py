"""What is another trader's answers as what is not there at all, on every path that takes an id."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client

from accounts.models import Session
from markets.models import Market
from matching.messages.vocabulary import Role
from tests.trading.client import Trader, forget_caches, make_market, make_trader, set_ticker
from tests.trading.intake_server import IntakeApi
from trading.models import Fill, Order, OutboxCommand

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN = 2**40


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


@pytest.fixture
def theirs(market: Market) -> Order:
    """Somebody's open order with a fill, under a client order id."""
    other = make_trader()
    other.place(clientOrderId="their-own")
    Order.objects.update(status="open")
    order = Order.objects.get()
    Fill.objects.create(
        market=market,
        trade_id=1,
        role=Role.TAKER,
        order=order,
        user=other.user,
        side=order.side,
        price_ticks=250_000,
        size_lots=1,
        fee_units=0,
        realized_pnl_units=0,
        seq=1,
        executed_at=order.created_at,
    )
    return order


# Method, path with the id in it, body. Ids of orders stand as {id}, client order ids as {name}.
BY_ORDER_ID: list[tuple[str, str, bytes]] = [
    ("GET", "/order/{id}", b""),
    ("PATCH", "/order/{id}", b'{"price": "24990"}'),
    ("PATCH", "/order/{id}", b'{"price": "0.03"}'),
    ("PATCH", "/order/{id}", b"{}"),
    ("DELETE", "/order/{id}", b""),
    ("DELETE", "/orders/batch?orderIds={id}", b""),
    ("DELETE", "/orders/batch?orderIds={id},{id}", b""),
    ("GET", "/user/fills?orderId={id}", b""),
    ("GET", "/user/ledger?orderId={id}", b""),
]
BY_NAME: list[tuple[str, str, bytes]] = [
    ("GET", "/order?clientOrderId={name}", b""),
    ("PATCH", "/order?clientOrderId={name}", b'{"price": "24990"}'),
    ("DELETE", "/order?clientOrderId={name}", b""),
    ("DELETE", "/orders/batch?clientOrderIds={name}", b""),
    ("GET", "/user/orders?clientOrderId={name}", b""),
    ("GET", "/user/fills?clientOrderId={name}", b""),
    ("GET", "/user/ledger?clientOrderId={name}", b""),
]


@pytest.mark.parametrize(("method", "path", "body"), [*BY_ORDER_ID, *BY_NAME])
def test_an_order_of_somebody_else_is_as_none(
    trader: Trader, theirs: Order, method: str, path: str, body: bytes
) -> None:
    answers = [
        trader.api.send(method, path.format(id=order_id, name=name), body)
        for order_id, name in ((theirs.pk, "their-own"), (UNKNOWN, "no-such-name"))
    ]
    assert shown(answers[0]) == shown(answers[1])
    assert answers[0].status in (200, 202, 400, 404)
    commands = OutboxCommand.objects.filter(created_by=trader.user)
    assert not commands.exists()
    assert Order.objects.get(pk=theirs.pk).status == "open"


def shown(answer: Any) -> tuple[int, str]:
    """Without the id that was asked for, which an item of a batch repeats."""
    text = str(answer.body)
    return answer.status, text.replace("their-own", "NAME").replace("no-such-name", "NAME")


def test_the_plain_ones_are_404_with_one_text(trader: Trader, theirs: Order) -> None:
    for method, path, body in BY_ORDER_ID[:2] + BY_ORDER_ID[4:5] + BY_NAME[:3]:
        answer = trader.api.send(method, path.format(id=theirs.pk, name="their-own"), body)
        assert (answer.status, answer.code) == (404, "ORDER_NOT_FOUND"), (method, path)
        assert answer.body["message"] == "There is no such order."


def test_a_session_of_somebody_else_is_as_none(trader: Trader) -> None:
    other = make_trader()
    session = Session.objects.get(user=other.user)
    theirs, unknown = (trader.api.delete(f"/auth/sessions/{pk}") for pk in (session.pk, UNKNOWN))
    assert (theirs.status, theirs.body) == (unknown.status, unknown.body)
    assert theirs.status == 404
    session.refresh_from_db()
    assert session.ended_at is None


@pytest.mark.usefixtures("still")
def test_both_take_the_same_queries(
    market: Market, theirs: Order, django_assert_num_queries: Any
) -> None:
    """No row of somebody else's is read on the way to saying no."""
    stranger = make_trader()
    client = Client(headers={"Authorization": f"Bearer {stranger.api.token}"})
    client.get(f"/order/{UNKNOWN}")
    for order_id in (theirs.pk, UNKNOWN):
        with django_assert_num_queries(1):
            client.get(f"/order/{order_id}")
