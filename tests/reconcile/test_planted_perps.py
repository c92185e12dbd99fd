"""Errors planted in what the perpetual rules leave between two commands: conditional orders, holds
on their way, amendments, countdowns, margin."""

from typing import Any

from ledger.models import Posting
from matching.messages.vocabulary import OrderStatus
from persistence.reconciliation import Difference
from persistence.reconciliation.engine import CHECK as ENGINE
from tests.reconcile.planting import BTC, checks_of, first_of, found, order_with, plant, the
from trading.models import Countdown, Order, OutboxCommand

# -------------------------------------------------------------------------------------- waiting


def waiting_order(**conditions: Any) -> Order:
    return order_with(status=OrderStatus.WAITING, **conditions)


def test_a_waiting_order_edited(session):
    """Every column that the engine knows, one after the other."""
    fixed = waiting_order(triggered_at__isnull=True, close_position=False)
    closing = waiting_order(close_position=True)
    for order, column, value in (
        (fixed, "trigger_price_ticks", fixed.trigger_price_ticks + 1),
        (fixed, "trigger_callback_ppm", 1),
        (fixed, "price_ticks", fixed.price_ticks + 1),
        (fixed, "size_lots", fixed.size_lots + 1),
        (fixed, "leverage", fixed.leverage + 1),
        (fixed, "user_id", fixed.user_id + 1),
        (closing, "close_position", False),
        (closing, "trigger_by", "LAST"),
        (closing, "trigger_kind", "TAKE_PROFIT"),
    ):
        plant(f"UPDATE trading_order SET {column} = %s WHERE id = %s", value, order.pk)
        assert the(found(), ENGINE, BTC).subject == f"waiting order {order.pk}", column
        before = getattr(order, column)
        plant(f"UPDATE trading_order SET {column} = %s WHERE id = %s", before, order.pk)
    assert found() == []


def test_a_waiting_order_deleted(session):
    order = waiting_order(close_position=True)
    plant("DELETE FROM trading_order WHERE id = %s", order.pk)
    lost = the(found(), ENGINE, BTC)
    assert (lost.subject, lost.found) == (f"waiting order {order.pk}", "none")


def test_two_waiting_orders_changed_places(session):
    first, second = Order.objects.filter(
        market_id=BTC, status=OrderStatus.WAITING, triggered_at__isnull=True
    ).order_by("arrival")
    for order, arrival in ((first, second.arrival), (second, first.arrival)):
        plant("UPDATE trading_order SET arrival = %s WHERE id = %s", arrival, order.pk)
    moved = the(found(), ENGINE, BTC)
    assert moved.subject.endswith("in the queue of waiting orders")


# ---------------------------------------------------------------------- fired, awaiting its hold


def fired_order() -> Order:
    return waiting_order(triggered_at__isnull=False)


def promised_hold_of(order: Order) -> OutboxCommand:
    return first_of(
        OutboxCommand.objects.filter(command_type="ActivateOrder", payload__order_id=order.pk)
    )


def test_a_fired_order_that_never_fired(session):
    order = fired_order()
    plant("UPDATE trading_order SET triggered_at = NULL WHERE id = %s", order.pk)
    differences = found()
    assert the(differences, "order status", BTC).subject == f"order {order.pk}"
    assert the(differences, ENGINE, BTC).subject == f"waiting order {order.pk}"
    assert the(differences, "awaited hold", BTC).expected == "nothing on its way"


def test_an_order_fired_that_the_engine_has_not(session):
    order = waiting_order(triggered_at__isnull=True, close_position=False)
    plant("UPDATE trading_order SET triggered_at = now() WHERE id = %s", order.pk)
    differences = found()
    assert the(differences, ENGINE, BTC).subject == f"waiting order {order.pk}"
    assert the(differences, "awaited hold", BTC).subject == f"order {order.pk}"


def test_the_command_that_brings_a_hold_is_not_there(session):
    order = fired_order()
    command = promised_hold_of(order)
    plant("UPDATE trading_outboxcommand SET applied_seq = 1 WHERE id = %s", command.pk)
    lost = the(found(), "awaited hold", BTC)
    assert lost == Difference(
        "awaited hold",
        BTC,
        f"order {order.pk}",
        f"{order.held_units} on its way",
        "nothing on its way",
    )
    plant(
        "UPDATE trading_outboxcommand SET applied_seq = NULL,"
        " payload = jsonb_set(payload, '{hold_units}', '1') WHERE id = %s",
        command.pk,
    )
    assert the(found(), "awaited hold", BTC).found == "1 on its way"


def test_a_hold_kept_by_an_order_that_ended(session):
    """The books balance: only that nothing will ever bring it back tells."""
    order = fired_order()
    plant("DELETE FROM trading_outboxcommand WHERE id = %s", promised_hold_of(order).pk)
    plant(
        "UPDATE trading_order SET status = 'expired', reason = 'EXPIRED',"
        " cancelled_lots = size_lots WHERE id = %s",
        order.pk,
    )
    differences = found()
    assert the(differences, "awaited hold", BTC).subject == f"order {order.pk}"
    assert "order's hold" not in checks_of(differences)


def test_a_fired_orders_hold_changed(session):
    order = fired_order()
    plant("UPDATE trading_order SET held_units = held_units - 1 WHERE id = %s", order.pk)
    differences = found()
    assert {"order status", "order's hold", "awaited hold", "held by orders"} <= checks_of(
        differences
    )


# ----------------------------------------------------------- amendments, countdown, added margin


def amended_order() -> Order:
    command = first_of(
        OutboxCommand.objects.filter(market_id=BTC, command_type="AmendOrder").order_by("pk")
    )
    assert command.applied_seq is not None
    return Order.objects.get(pk=command.payload["order_id"])


def test_an_amended_order_as_it_was_before(session):
    order = amended_order()
    for column, before in (("price_ticks", 240_000), ("size_lots", 20)):
        plant(f"UPDATE trading_order SET {column} = %s WHERE id = %s", before, order.pk)
        assert f"open order {order.pk}" in {d.subject for d in found()}, column
        now = getattr(order, column)
        plant(f"UPDATE trading_order SET {column} = %s WHERE id = %s", now, order.pk)
    assert found() == []


def test_what_an_amendment_brought_deleted(session):
    """The movement and its trace in the wallet."""
    order = amended_order()
    entry = first_of(Posting.objects.filter(entry__kind="amend_hold").order_by("pk")).entry
    assert entry.order_id == order.pk
    units = sum(p.amount_units for p in entry.postings.filter(amount_units__gt=0))
    plant("DELETE FROM ledger_posting WHERE entry_id = %s", entry.pk)
    plant("DELETE FROM ledger_journalentry WHERE id = %s", entry.pk)
    plant(
        "UPDATE ledger_wallet SET available_units = available_units + %s,"
        " held_units = held_units - %s WHERE user_id = %s",
        units,
        units,
        order.user_id,
    )
    differences = found()
    assert the(differences, "order's hold", BTC).subject == f"order {order.pk}"
    assert the(differences, "held by orders").subject == f"held of user {order.user_id}"
    assert "wallet" not in checks_of(differences)


def test_a_countdown_is_not_the_engines(session):
    countdown = Countdown.objects.get(market_id=BTC)
    for sql in (
        "UPDATE trading_countdown SET due_ms = due_ms + 1 WHERE market_id = %s",
        "DELETE FROM trading_countdown WHERE market_id = %s",
    ):
        plant(sql, BTC)
        difference = the(found(), ENGINE, BTC)
        assert difference.subject == f"position of user {countdown.user_id}"
        assert difference.expected == f"countdown due ms {countdown.due_ms}"


def test_added_margin_deleted(session):
    """The whole movement, with what was held for it and its trace in the wallet."""
    posting = first_of(
        Posting.objects.filter(account__kind="margin", entry__kind="margin_added").order_by("pk")
    )
    user_id, units = posting.account.user_id, posting.amount_units
    assert user_id is not None
    held = first_of(Posting.objects.filter(entry__kind="margin_hold", account__user_id=user_id,
                                           amount_units=units).order_by("pk"))  # fmt: skip
    for entry_id in (posting.entry_id, held.entry_id):
        plant("DELETE FROM ledger_posting WHERE entry_id = %s", entry_id)
        plant("DELETE FROM ledger_journalentry WHERE id = %s", entry_id)
    plant(
        "UPDATE ledger_wallet SET available_units = available_units + %s WHERE user_id = %s",
        units,
        user_id,
    )
    differences = found()
    assert the(differences, "margin").subject == f"margin of user {user_id}"
    assert "wallet" not in checks_of(differences)
