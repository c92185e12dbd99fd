"""Commands that no engine saw are sent again; those that are merely waiting are not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.utils import timezone

from matching.messages.commands import CancelOrder, PlaceOrder
from matching.messages.streams import COMMAND_FIELD, input_stream
from persistence.models import MarketCursor
from tests.builders.away import redis_away
from tests.trading.client import Trader, sent_commands
from trading.commands import publisher, resend
from trading.commands.publisher import last_published_id
from trading.models import Order, OutboxCommand
from trading.tasks import resend_unseen_commands

pytestmark = pytest.mark.django_db(transaction=True)

STREAM = input_stream("BTC-PERP")


@pytest.fixture
def unsent(trader: Trader, monkeypatch: pytest.MonkeyPatch, redis_db: redis.Redis) -> Order:
    """An order and its cancel that Redis never saw, a minute old."""
    OutboxCommand.objects.update(applied_seq=1)  # the market's configuration
    with monkeypatch.context() as patch:
        nobody = redis_away()
        patch.setattr(publisher, "request_redis_client", lambda: nobody)
        order_id = trader.place().body["orderId"]
        assert trader.api.delete(f"/order/{order_id}").status == 202
    assert redis_db.xlen(STREAM) == 0
    age(seconds=60)
    return Order.objects.get(pk=order_id)


def age(seconds: float) -> None:
    with connection.cursor() as cursor:
        for table in ("trading_order", "trading_outboxcommand"):
            cursor.execute(
                f"UPDATE {table} SET created_at = created_at - make_interval(secs => %s)", [seconds]
            )


def set_cursor(input_id: str, at: datetime | None = None) -> None:
    at_ms = int(at.timestamp() * 1_000) if at else 0
    MarketCursor.objects.filter(pk="BTC-PERP").update(input_id=input_id, entry_time_ms=at_ms)


def test_what_was_never_published_is_sent_in_its_order(
    unsent: Order, redis_db: redis.Redis
) -> None:
    resend_unseen_commands.apply(throw=True)
    place, cancel = sent_commands(redis_db)
    assert isinstance(place, PlaceOrder)
    assert (place.order_id, place.hold_units) == (unsent.pk, unsent.hold_units)
    assert isinstance(cancel, CancelOrder)
    assert cancel.order_id == unsent.pk
    assert cancel.command_id == OutboxCommand.objects.get(command_type="CancelOrder").pk


def test_a_resent_order_is_the_command_it_was(trader: Trader, redis_db: redis.Redis) -> None:
    OutboxCommand.objects.update(applied_seq=1)
    trader.place(side="SHORT", margin=None, leverage=7, postOnly=True, clientOrderId="x")
    (first,) = sent_commands(redis_db)
    redis_db.delete(STREAM)  # Redis lost everything
    age(seconds=60)
    resend_unseen_commands.apply(throw=True)
    assert sent_commands(redis_db) == [first]


def test_what_waits_in_the_stream_is_left_alone(unsent: Order, redis_db: redis.Redis) -> None:
    resend_unseen_commands.apply(throw=True)
    resend_unseen_commands.apply(throw=True)
    assert redis_db.xlen(STREAM) == 2


def test_what_the_ledger_has_passed_is_sent_again(unsent: Order, redis_db: redis.Redis) -> None:
    later = redis_db.xadd(STREAM, {COMMAND_FIELD: b"something after them"})
    resend_unseen_commands.apply(throw=True)
    assert redis_db.xlen(STREAM) == 1  # the ledger has not come that far yet
    set_cursor("1-0", at=unsent.created_at + timedelta(seconds=4))
    resend_unseen_commands.apply(throw=True)
    assert redis_db.xlen(STREAM) == 1
    set_cursor("2-0", at=unsent.created_at + timedelta(seconds=6))
    resend_unseen_commands.apply(throw=True)
    assert redis_db.xlen(STREAM) == 3
    assert later is not None


def test_what_happened_or_is_new_is_not_sent(unsent: Order, redis_db: redis.Redis) -> None:
    Order.objects.update(status="open")
    OutboxCommand.objects.update(applied_seq=9)
    resend_unseen_commands.apply(throw=True)
    Order.objects.update(status="pending", created_at=timezone.now())
    resend_unseen_commands.apply(throw=True)
    assert redis_db.xlen(STREAM) == 0


def test_the_newest_id_of_a_stream(redis_db: redis.Redis) -> None:
    assert last_published_id("BTC-PERP") == "0-0"
    redis_db.xadd(STREAM, {COMMAND_FIELD: b"x"}, id="12-3")
    redis_db.xtrim(STREAM, maxlen=0)
    assert last_published_id("BTC-PERP") == "12-3"


def test_a_cancel_waits_for_the_batch_of_its_order(
    unsent: Order, trader: Trader, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        trader.place(qty="0.01", margin="50")
    age(seconds=60)
    redis_db.delete(STREAM)
    # The cancel is of the newest order, which the first batch doesn't reach.
    newest = Order.objects.order_by("pk").reverse()[0]
    cancel = OutboxCommand.objects.get(command_type="CancelOrder")
    cancel.payload["order_id"] = newest.pk
    cancel.created_at = newest.created_at + timedelta(milliseconds=1)
    cancel.save()
    monkeypatch.setattr(resend, "BATCH_MAX", 2)
    batches = []
    for _ in range(2):
        resend_unseen_commands.apply(throw=True)
        batches.append(sent_commands(redis_db))
        placed = [command.order_id for command in batches[-1] if isinstance(command, PlaceOrder)]
        Order.objects.filter(pk__in=placed).update(status="open")
        redis_db.delete(STREAM)
    resend_unseen_commands.apply(throw=True)
    assert [[type(command) for command in batch] for batch in batches] == [
        [PlaceOrder, PlaceOrder],
        [PlaceOrder, PlaceOrder],
    ]
    assert [command.command_id for command in sent_commands(redis_db)] == [cancel.pk]


def test_a_fault_is_one_line_and_the_next_run_goes_on(
    unsent: Order,
    redis_db: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        nobody = redis_away()
        patch.setattr(publisher, "redis_client", lambda: nobody)
        resend_unseen_commands.apply(throw=True)
    facts: list[Any] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [fact["event"] for fact in facts].count("resending_failed") == 1
    resend_unseen_commands.apply(throw=True)
    assert redis_db.xlen(STREAM) == 2
