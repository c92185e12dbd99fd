"""A client order id names one order of its trader for ever, whatever inserts orders."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from common.postgres.partitions import Partition
from tests.builders.partitions import ORDERS, cut_behind, rows_by_partition
from tests.ledger.world import make_market, make_user
from tests.trading.client import Trader, make_trader
from trading.migrations.rules.names import NAMES_OF_BEFORE
from trading.models import Order, OrderName

pytestmark = pytest.mark.django_db

TERMS = {"qty": "0.01", "margin": "100"}
_ORDER = """
INSERT INTO trading_order (user_id, market_id, client_order_id, side, order_type, time_in_force,
       price_ticks, size_lots, margin_units, leverage, reduce_only, self_trade_prevention,
       hold_units, held_units, created_at, updated_at)
SELECT %s, 'BTC-PERP', name, 'LONG', 'limit', 'GTC', 1, 1, 0, 1, false, 'EXPIRE_MAKER', 0, 0,
       now(), now() FROM unnest(%s::text[]) AS name
"""


def insert(user_id: int, *names: str | None) -> None:
    """By hand, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_ORDER, [user_id, list(names)])


def by_copy(user_id: int, *names: str | None) -> None:
    columns = _ORDER.partition("(")[2].partition(")")[0]
    raw = psycopg.Cursor(connection.connection)
    told = "".join(
        f"{user_id}\tBTC-PERP\t{name or chr(92) + 'N'}\tLONG\tlimit\tGTC\t1\t1\t0\t1\tf"
        "\tEXPIRE_MAKER\t0\t0\t2030-01-01Z\t2030-01-01Z\n"
        for name in names
    )
    with (
        connection.wrap_database_errors,
        raw.copy(f"COPY trading_order ({columns}) FROM STDIN") as copy,
    ):
        copy.write(told)


def written() -> set[tuple[Any, ...]]:
    return set(OrderName.objects.values_list("user_id", "client_order_id", "order_id"))


def due() -> set[tuple[Any, ...]]:
    named = Order.objects.exclude(client_order_id=None)
    return set(named.values_list("user_id", "client_order_id", "pk"))


@pytest.mark.parametrize("write", [insert, by_copy])
def test_whoever_inserts_orders_their_names_are_written(write: Callable[..., None]) -> None:
    make_market()
    ann, bob = make_user("ann", 0), make_user("bob", 0)
    write(ann.pk, "a", None, "b", None)
    write(bob.pk, "a")
    assert written() == due()
    assert len(written()) == 3
    for again in (["c", "a"], ["c", "c"]):
        with pytest.raises(IntegrityError, match="trading_ordername_pkey"), transaction.atomic():
            write(ann.pk, *again)
    assert Order.objects.count() == 5
    assert written() == due()


def test_orders_that_are_placed_write_their_names(trader: Trader) -> None:
    trader.place(clientOrderId="a")
    trader.place()
    refused = trader.place(clientOrderId="a", qty="0.2")
    assert refused.code == "CLIENT_ORDER_ID_REUSED"
    make_trader().place(clientOrderId="a")
    assert written() == due()
    assert len(written()) == 2


def test_what_does_not_fit_takes_no_name(trader: Trader) -> None:
    assert trader.place(clientOrderId="a", qty="900").status == 400
    assert written() == set()
    assert trader.place(clientOrderId="a").status == 202


@pytest.mark.parametrize(
    "change",
    [
        lambda: Order.objects.update(client_order_id="another"),
        lambda: Order.objects.update(client_order_id=None),
        lambda: OrderName.objects.update(order_id=1),
        lambda: OrderName.objects.all()._raw_delete("default"),
    ],
)
def test_a_name_never_changes(trader: Trader, change: Callable[[], object]) -> None:
    trader.place(clientOrderId="a")
    refused = pytest.raises(IntegrityError, match=r"keeps its client|once, for ever")
    with refused, transaction.atomic():
        change()
    assert written() == due()


def test_orders_of_a_release_before_are_named() -> None:
    """The statement by which the rule begins where there are orders, part by part, and again."""
    make_market()
    ann = make_user("ann", 0)
    insert(ann.pk, "a", None, "b", "c")
    first = Order.objects.earliest("pk").pk
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM trading_ordername")
        for after, last in ((0, first), (first, first + 2), (first + 2, first + 9), (0, first + 9)):
            cursor.execute(NAMES_OF_BEFORE, [after, last])
    assert written() == due()
    assert len(written()) == 3


def test_names_are_held_across_partitions(trader: Trader) -> None:
    with cut_behind(ORDERS, 2, 3) as partitions:
        placed = [trader.place(clientOrderId=f"n-{number}", **TERMS) for number in range(7)]
        assert [answer.status for answer in placed] == [202] * 7
        assert _counts(partitions) == [2, 3, 2]
        for number, first in enumerate(placed):
            again = trader.place(clientOrderId=f"n-{number}", **TERMS)
            assert (again.status, again.body["orderId"]) == (200, first.body["orderId"])
            other = trader.place(clientOrderId=f"n-{number}", **TERMS | {"qty": "0.02"})
            assert (other.status, other.code) == (409, "CLIENT_ORDER_ID_REUSED")
            found = trader.api.get(f"/order?clientOrderId=n-{number}")
            assert found.body["id"] == first.body["orderId"]
            (listed,) = trader.api.get(f"/user/orders?clientOrderId=n-{number}").body["orders"]
            assert listed["id"] == first.body["orderId"]
        page = trader.api.get("/user/orders?limit=50").body["orders"]
        assert [one["id"] for one in page] == [a.body["orderId"] for a in reversed(placed)]
        assert trader.api.delete("/orders").status == 202
        assert written() == due()


def _counts(partitions: list[Partition]) -> list[int]:
    by_name = rows_by_partition(ORDERS)
    return [by_name.get(partition.name, 0) for partition in partitions]
