"""What can't be paid costs nobody but its sender: no row, and hardly a statement."""

from typing import Any

import pytest
import redis

from common.http.bodies import to_struct
from tests.trading.client import (
    forget_caches,
    make_market,
    make_trader,
    order_body,
    set_ticker,
)
from trading.models import Order
from trading.orders import place
from trading.orders.insert import insert_orders
from trading.orders.place import place_together
from trading.orders.request import NewOrder

pytestmark = pytest.mark.django_db(transaction=True)

ENOUGH_FOR_ONE = 60_000_000


@pytest.fixture(autouse=True)
def _market(transactional_db: None, redis_db: redis.Redis) -> None:
    make_market()
    set_ticker(redis_db)
    forget_caches()


def new_order(**fields: Any) -> NewOrder:
    return to_struct(order_body(qty="0.01", margin="50", **fields), NewOrder)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many orders each statement had."""
    counts: list[int] = []
    inserting = insert_orders

    def counted(orders: Any) -> Any:
        counts.append(len(orders))
        return inserting(orders)

    monkeypatch.setattr(place, "insert_orders", counted)
    return counts


@pytest.mark.parametrize(("available_units", "placed"), [(0, 0), (ENOUGH_FOR_ONE, 1)])
def test_orders_that_cant_be_paid_share_one_statement(
    available_units: int, placed: int, statements: list[int]
) -> None:
    poor, rich = make_trader(available_units), make_trader()
    asked = [(poor.user.pk, new_order()) for _ in range(30)] + [(rich.user.pk, new_order())]
    results = place_together(asked)
    assert statements == [31] + [1] * placed
    codes = [getattr(result, "code", "placed") for result in results]
    assert codes == ["placed"] * placed + ["INSUFFICIENT_BALANCE"] * (30 - placed) + ["placed"]
    assert Order.objects.filter(user=poor.user).count() == placed


def test_the_first_order_under_its_id_is_answered_when_the_money_is_gone() -> None:
    trader = make_trader(ENOUGH_FOR_ONE)
    body = order_body(qty="0.01", margin="50", clientOrderId="mine")
    first = trader.api.post("/order", body)
    again = trader.api.post("/order", body)
    assert (first.status, again.status) == (202, 200)
    assert again.body["orderId"] == first.body["orderId"]
    other = trader.api.post("/order", body | {"clientOrderId": "another"})
    assert (other.status, other.code) == (400, "INSUFFICIENT_BALANCE")
