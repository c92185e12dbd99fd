"""Every check of a market, seen by a run of all and of that market alone; every number that the
status of an order allows; and whose difference it is where one of the two rows is missing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.db import connection, transaction

from matching.messages.vocabulary import OrderStatus
from persistence.models import DeadLetter, MarketCursor
from persistence.reconciliation import reconcile
from persistence.reconciliation.checks import check_values
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.lives import POSITION_LIVES
from persistence.reconciliation.market_checks import MARKET_CHECKS, ORDER_STATUS
from tests.reconcile.planting import BTC, checks_of, first_of, found, order_with, plant, the
from trading.models import Fill, Order, Position

ETH = "ETH-PERP"
CHECKS_OF_A_MARKET = {check.name for check in (*MARKET_CHECKS, POSITION_LIVES)}


def plant_one_for_each_check() -> None:
    open_order = order_with(status=OrderStatus.OPEN, held_units__gt=0)
    plant("UPDATE trading_order SET reason = 'USER', held_units = held_units - 1 WHERE id = %s",
          open_order.pk)  # fmt: skip
    plant("UPDATE trading_order SET filled_cost_units = filled_cost_units + 1 WHERE id = %s",
          order_with(status=OrderStatus.FILLED).pk)  # fmt: skip
    plant("UPDATE trading_order SET triggered_at = NULL WHERE id = %s",
          order_with(status=OrderStatus.WAITING, triggered_at__isnull=False).pk)  # fmt: skip
    plant("UPDATE trading_order SET user_id = user_id + 1 WHERE id = %s",
          order_with(status=OrderStatus.OPEN, filled_lots__gt=0).pk)  # fmt: skip
    plant("UPDATE trading_order SET client_order_id = 'mine' WHERE id = %s",
          order_with(status=OrderStatus.FILLED).pk)  # fmt: skip
    plant("DELETE FROM trading_fill WHERE market_id = %s AND trade_id = 2", BTC)
    fill = first_of(Fill.objects.filter(market_id=BTC).order_by("pk"))
    plant("UPDATE trading_fill SET price_ticks = price_ticks + 1, fee_units = fee_units + 1"
          " WHERE id = %s", fill.pk)  # fmt: skip
    position = first_of(Position.objects.filter(market_id=BTC, position_lots__gt=0).order_by("pk"))
    plant("UPDATE trading_position SET position_lots = position_lots + 1 WHERE id = %s",
          position.pk)  # fmt: skip
    plant("UPDATE persistence_marketcursor SET seq = 2 WHERE market_id = %s", BTC)


def test_a_run_of_one_market_finds_what_a_run_of_all_finds_there(session: redis.Redis) -> None:
    session.flushdb()  # the rows alone must tell
    plant_one_for_each_check()
    of_all, of_btc, of_eth = reconcile(), reconcile(BTC), reconcile(ETH)
    in_btc = [d for d in of_all.differences if d.check in CHECKS_OF_A_MARKET]
    assert {d.market_id for d in in_btc} == {BTC}
    assert checks_of(in_btc) == CHECKS_OF_A_MARKET
    assert [d for d in of_btc.differences if d.check in CHECKS_OF_A_MARKET] == in_btc
    assert not checks_of(of_eth.differences) & CHECKS_OF_A_MARKET
    for result, markets in ((of_all, [BTC, ETH]), (of_btc, [BTC]), (of_eth, [ETH])):
        assert [comparison.market_id for comparison in result.comparisons] == markets


def test_each_kind_of_row_is_of_the_cursors_sequence_at_most(session: redis.Redis) -> None:
    seq = MarketCursor.objects.get(pk=BTC).seq
    DeadLetter.objects.create(market_id=BTC, seq=seq, input_id="1-1", payload=b"")
    session.flushdb()
    plant("UPDATE persistence_marketcursor SET seq = 1 WHERE market_id = %s", BTC)
    told = [d for d in found() if d.check == "sequence"]
    assert {d.subject.removeprefix("sequence of ") for d in told} == {
        "fills", "positions", "journal entries", "applied commands", "dead letters",
    }  # fmt: skip


# --------------------------------------------------------------------------- a status's numbers

THEN = datetime(2026, 1, 5, tzinfo=UTC)
GOOD: dict[str, dict[str, Any]] = {
    "pending": {"held_units": 60},
    "waiting": {"held_units": 60, "arrival": 5, "triggered_at": THEN},
    "open": {"filled_lots": 3, "cancelled_lots": 1, "held_units": 54, "arrival": 5},
    "filled": {"filled_lots": 8, "cancelled_lots": 2, "arrival": 5},
    "rejected": {"cancelled_lots": 10, "reason": "MARKET_STATE"},
    "cancelled": {"filled_lots": 4, "cancelled_lots": 6, "reason": "USER", "arrival": 5},
    "expired": {"filled_lots": 4, "cancelled_lots": 6, "reason": "IOC_REMAINDER", "arrival": 5},
}
ALSO_GOOD: list[tuple[str, dict[str, Any]]] = [
    ("waiting", {"hold_units": 0, "held_units": 0, "triggered_at": None}),
    ("open", {"filled_lots": 0, "cancelled_lots": 0, "held_units": 0}),
    ("open", {"filled_lots": 9, "cancelled_lots": 0, "held_units": 7}),
    ("filled", {"filled_lots": 1, "cancelled_lots": 9}),
    ("cancelled", {"held_units": 1, "triggered_at": THEN}),
    ("cancelled", {"filled_lots": 0, "cancelled_lots": 10}),
    ("expired", {"held_units": 1, "triggered_at": THEN}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    *(
        (status, {column: value})
        for status in ("pending", "waiting")
        for column, value in (("filled_lots", 1), ("cancelled_lots", 1), ("held_units", 59))
    ),
    ("pending", {"arrival": 1}),
    ("waiting", {"arrival": 0}),
    ("waiting", {"triggered_at": None}),
    ("waiting", {"trigger_kind": None}),
    *((status, {"reason": "USER"}) for status in ("pending", "waiting", "open", "filled")),
    ("open", {"filled_lots": 9}),
    ("open", {"filled_lots": 10, "cancelled_lots": 0}),
    ("open", {"arrival": 0}),
    ("open", {"held_units": 55}),
    ("filled", {"filled_lots": 7}),
    ("filled", {"filled_lots": 0, "cancelled_lots": 10}),
    *((status, {"held_units": 1}) for status in ("filled", "rejected", "cancelled", "expired")),
    ("rejected", {"cancelled_lots": 9}),
    ("rejected", {"cancelled_lots": 9, "filled_lots": 1}),
    ("rejected", {"filled_lots": 1}),
    *((status, {"filled_lots": 3}) for status in ("cancelled", "expired")),
    *(
        (status, {"filled_lots": 10, "cancelled_lots": 0})
        for status in ("cancelled", "expired")
    ),
    *((status, {"reason": ""}) for status in ("rejected", "cancelled", "expired")),
    ("rejected", {"reason": "USER"}),
    ("cancelled", {"reason": "IOC_REMAINDER"}),
    ("expired", {"reason": "USER"}),
    ("undecided", {}),
]  # fmt: skip


@pytest.fixture
def _loosened(session: redis.Redis) -> Iterator[None]:
    """No rule of Postgres keeps an order from being what it can't be."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE conrelid = 'trading_order'::regclass AND contype = 'c'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE trading_order DROP CONSTRAINT {name}")
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("_loosened")
def test_each_number_of_an_order_is_judged_by_its_status() -> None:
    order = first_of(Order.objects.order_by("pk"))
    values = check_values(None)
    nothing: dict[str, Any] = {
        "size_lots": 10, "filled_lots": 0, "cancelled_lots": 0, "hold_units": 60, "held_units": 0,
        "arrival": 0, "reason": "", "triggered_at": None, "trigger_kind": "STOP",
    }  # fmt: skip

    def judged(status: str, changes: dict[str, Any]) -> int:
        row = nothing | GOOD.get(status, {}) | changes | {"status": status}
        Order.objects.filter(pk=order.pk).update(**row)
        return run_check(ORDER_STATUS, values).total

    for status in GOOD:
        assert judged(status, {}) == 0, status
    for status, changes in ALSO_GOOD:
        assert judged(status, changes) == 0, (status, changes)
    for status, changes in BAD:
        assert judged(status, changes) == 1, (status, changes)


# ------------------------------------------------------------------------ one row of two missing


def test_an_order_that_is_gone(session: redis.Redis) -> None:
    order = order_with(status=OrderStatus.OPEN, filled_lots__gt=0, held_units__gt=0)
    plant("DELETE FROM trading_order WHERE id = %s", order.pk)
    differences = found()
    for check in ("order's fills", "order's hold"):
        gone = the(differences, check, BTC)
        assert (gone.subject, gone.found) == (f"order {order.pk}", "no such order")


def test_a_position_that_is_gone(session: redis.Redis) -> None:
    position = first_of(Position.objects.filter(market_id=BTC, position_lots__gt=0).order_by("pk"))
    plant("DELETE FROM trading_position WHERE user_id = %s", position.user_id)
    differences = found()
    gone = the(differences, "position", BTC)
    assert (gone.subject, gone.found) == (f"position of user {position.user_id}", "no position")
    margin = the(differences, "margin")
    assert (margin.subject, margin.found) == (f"margin of user {position.user_id}", "0")


def test_margin_of_a_position_that_nobody_posted(session: redis.Redis) -> None:
    position = first_of(Position.objects.filter(market_id=BTC, margin_units__gt=0).order_by("pk"))
    plant("DELETE FROM ledger_posting WHERE account_id = (SELECT id FROM ledger_account"
          " WHERE kind = 'margin' AND user_id = %s)", position.user_id)  # fmt: skip
    margin = the(found(), "margin")
    assert (margin.subject, margin.expected) == (f"margin of user {position.user_id}", "0")


def test_fills_that_are_gone_and_fills_that_nobody_posted(session: redis.Redis) -> None:
    last = first_of(Fill.objects.filter(market_id=BTC).order_by("-trade_id")).trade_id
    fills = list(Fill.objects.filter(market_id=BTC, trade_id=last))
    subjects = {f"trade {last} of order {fill.order_id}" for fill in fills}
    plant("DELETE FROM trading_fill WHERE market_id = %s AND trade_id = %s", BTC, last)
    gone = [d for d in found() if d.check == "fill's postings"]
    assert {d.subject for d in gone} == subjects
    assert {(d.market_id, d.found) for d in gone} == {(BTC, "no fill")}


def test_what_does_not_add_up_says_what_it_is(session: redis.Redis) -> None:
    plant("UPDATE ledger_wallet SET held_units = held_units + 1 WHERE user_id ="
          " (SELECT min(user_id) FROM ledger_wallet)")  # fmt: skip
    differences = found()
    assert checks_of(differences) == {"wallet", "held by orders", "conservation"}
    told = the(differences, "conservation")
    assert told.subject == "wallets + held + margin + insurance + fees − entry cost"
    assert told.expected == "5000000000000 (deposits − withdrawals + adjustments)"
    assert told.found == "5000000000001"
