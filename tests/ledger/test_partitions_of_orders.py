"""Orders get into partitions by a step of their own, while they are taken. What they are called by
is in `tests/trading/test_order_names`; what all partitions have in common is asked of postings, in
`test_partitions`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings as configured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from common.postgres.alone import alone
from common.postgres.partitions import partitions_of
from common.postgres.schema import partitioning
from common.redis_client import redis_client
from common.sharing.members import Members
from common.sharing.versions import PARTS_KEY, VersionedPart, this_process
from matching.messages.codec import CONTRACT
from persistence.tasks import make_partitions as make_partitions_task
from tests.builders.partitions import ORDERS
from tests.builders.plain_orders import plain_orders
from tests.ledger.test_listener import facts, wait_until
from tests.ledger.test_partitions import are_whole
from tests.trading.client import forget_caches, make_market, make_trader, set_ticker
from trading.migrations.rules.names import NAMES_OF_BEFORE
from trading.models import Order, OrderName
from trading.partitions import LOCK, make_partitions, partition_rooms

TERMS = {"qty": "0.01", "margin": "100"}
INDEX = "order_client_order_id_once_per_user"


@pytest.mark.django_db
def test_a_new_database_has_them_in_partitions() -> None:
    assert are_whole(partitions_of(ORDERS))
    assert len(partitions_of(ORDERS)) > 1
    assert ORDERS in partition_rooms()
    assert not _is_there(INDEX)


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = ''", "DELETE FROM {}"])
def test_a_partition_is_not_written_to(statement: str) -> None:
    for partition in partitions_of(ORDERS):
        with (
            pytest.raises(IntegrityError, match="written by way of the table"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.replace("{}", partition.name))


def _is_there(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        (is_there,) = cursor.fetchone()
    return bool(is_there)


# --- from a table that is none --------------------------------------------------------------------


@pytest.fixture
def plain(transactional_db: None, redis_db: redis.Redis) -> Iterator[None]:
    with plain_orders():
        forget_caches()
        make_market()
        set_ticker(redis_db)
        yield
        connections.close_all()
    forget_caches()


@pytest.mark.usefixtures("plain")
def test_orders_are_taken_meanwhile_and_keep_their_names() -> None:
    traders = [make_trader(10**13) for _ in range(2)]
    answers: list[int] = []
    refused: list[Any] = []
    # Ids of an order and of what is attached to it are drawn before they are inserted.
    terms: list[dict[str, Any]] = [TERMS, TERMS | {"takeProfit": {"price": "26000"}}]
    stop = threading.Event()

    def go_on(number: int) -> None:
        count = 0
        while not stop.is_set():
            answer = traders[number].place(clientOrderId=f"n-{count}", **terms[number])
            if answer.status != 202:
                refused.append(answer.body)
            answers.append(answer.status)
            count += 1
        connections.close_all()

    assert _is_there(INDEX)
    assert ORDERS not in partition_rooms()
    threads = [threading.Thread(target=go_on, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(answers) > 40, "orders")
        call_command("partitionorders")
        taken = len(answers)
        wait_until(lambda: len(answers) > taken + 40, "more orders")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert refused == []
    ids = list(Order.objects.filter(parent=None).values_list("pk", flat=True))
    assert len(ids) == len(set(ids)) == len(answers)
    assert Order.objects.exclude(parent=None).count() > 0
    named = set(Order.objects.filter(parent=None).values_list("user_id", "client_order_id", "pk"))
    assert set(OrderName.objects.values_list("user_id", "client_order_id", "order_id")) == named
    assert are_whole(partitions_of(ORDERS))
    assert not _is_there(INDEX)
    again = traders[0].place(clientOrderId="n-0", **TERMS)
    assert (again.status, again.body["orderId"]) == (200, min(_ids_of(traders[0].user.pk)))
    there = partitions_of(ORDERS)
    call_command("partitionorders")  # nothing is left to do
    assert partitions_of(ORDERS) == there
    assert make_partitions(ORDERS)


def _ids_of(user_id: int) -> list[int]:
    return list(Order.objects.filter(user_id=user_id).values_list("pk", flat=True))


@pytest.mark.usefixtures("plain")
def test_it_says_what_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can say who is there; a part of the release before is; an order has no key."""
    with monkeypatch.context() as patch:
        patch.setattr("trading.partitions.redis_client", lambda: redis.Redis("127.0.0.1", 1))
        _is_refused("Redis doesn't answer")
    ours = this_process("api", CONTRACT, "web")
    with _present(msgspec.structs.replace(ours, schema=0)):
        _is_refused(r"api web@.*upgrade it first")
    order_id = make_trader().place(clientOrderId="a").body["orderId"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM trading_ordername")
    _is_refused(f"order {order_id} has a client order id without")
    with connection.cursor() as cursor:
        cursor.execute(NAMES_OF_BEFORE, [0, order_id])
    with _present(ours):
        call_command("partitionorders")
    assert partitions_of(ORDERS)[0].end == configured.PARTITION_ORDERS


@contextmanager
def _present(part: VersionedPart) -> Iterator[None]:
    there = Members(PARTS_KEY, msgspec.json.encode(part).decode(), 10.0)
    there.renew(redis_client())
    yield
    there.leave(redis_client())


@pytest.mark.usefixtures("plain")
def test_one_that_is_killed_leaves_no_end_that_ids_come_to(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lose_connection(cursor: CursorWrapper, *_: Any) -> None:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(partitioning, "_put_together", lose_connection)
        with pytest.raises(OperationalError):
            call_command("partitionorders")
    connection.close()
    assert _has_end()
    with alone(LOCK):  # as one that is under way
        make_partitions_task()
    assert _has_end()
    assert facts(caplog, "partitioning_taken_back") == []
    make_partitions_task()
    assert not _has_end()
    assert len(facts(caplog, "partitioning_taken_back")) == 1
    make_partitions_task()
    assert len(facts(caplog, "partitioning_taken_back")) == 1
    make_trader().place(clientOrderId="a")
    call_command("partitionorders")
    assert are_whole(partitions_of(ORDERS))


def _has_end() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_constraint WHERE conname = 'trading_order_end'")
        return cursor.fetchone() is not None


def _is_refused(why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("partitionorders")
    assert partitions_of(ORDERS) == []
    assert _is_there(INDEX)
