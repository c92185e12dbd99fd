"""A well-formed command that nobody promised, written straight into the input stream."""

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from msgspec import structs

from accounts.models import User
from common.errors import DomainError
from console.health.answer import latest
from exchange_site.embedded.health import monitor_headers
from ledger.models import Posting, Wallet
from matching.messages.commands import (
    AdjustMargin,
    CancelAllOrders,
    CancelOrder,
    PlaceOrder,
    SetCountdown,
)
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from persistence import faults
from persistence.models import FaultKind, FaultResolution, PersistenceFault, QuarantinedEntry
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange, exchange, wait_until
from trading.commands.publisher import publish_command
from trading.models import Countdown, Fill, Order

__all__ = ["exchange"]


def forged_order(account_id: int) -> PlaceOrder:
    return PlaceOrder(
        order_id=10**9,
        account_id=account_id,
        side=Side.SHORT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price_ticks=MARK_TICKS,
        size_lots=4,
        margin_units=0,
        leverage=10,
        hold_units=10**12,
        maker_fee_ppm=200,
        taker_fee_ppm=500,
        reduce_only=False,
        self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER,
    )


def test_it_stops_the_market_until_it_is_quarantined(exchange: Exchange) -> None:
    exchange.start()
    exchange.trade(1)
    exchange.settle()
    stopped_at = exchange.cursor().seq
    publish_command(MARKET, forged_order(exchange.alice.pk))
    honest = exchange.place(exchange.bob, Side.LONG, 9)  # meets the forged order in the book
    wait_until(lambda: exchange.published_seq() >= stopped_at + 2, "the engine")
    exchange.work()
    exchange.work()
    fault = PersistenceFault.objects.get()
    assert (fault.seq, fault.kind) == (stopped_at + 1, FaultKind.POISON_ENTRY)
    assert "order 1000000000 is not in the database" in fault.reason
    assert b"OrderAccepted" in bytes(fault.payload)
    assert fault.last_seen > fault.first_seen
    assert exchange.cursor().seq == stopped_at
    latest.forget()
    health = Client(headers=monitor_headers()).get("/health")
    assert health.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert any(f"stopped before sequence {fault.seq}" in p for p in health.json()["problems"])
    operator = User.objects.create_superuser("operator")
    with pytest.raises(DomainError, match="not in the database"):
        faults.retry_fault(fault.pk, operator.pk)
    faults.quarantine_entry(fault.pk, operator.pk)
    fault.refresh_from_db()
    assert (fault.resolution, fault.resolved_by) == (FaultResolution.QUARANTINED, operator)
    entry = QuarantinedEntry.objects.get()
    assert (entry.seq, entry.quarantined_by) == (stopped_at + 1, operator)
    assert bytes(entry.payload) == bytes(fault.payload)
    with pytest.raises(DomainError, match="resolved already"):
        faults.quarantine_entry(fault.pk, operator.pk)
    exchange.settle()
    exchange.assert_sound()
    order = Order.objects.get(pk=honest)
    assert (order.status, order.filled_lots) == ("open", 2)  # what alice's own order had left
    assert not Fill.objects.filter(order_id=10**9).exists()
    assert not PersistenceFault.objects.filter(resolved_at__isnull=True).exists()


STRANGER = 10**12


def of_stranger() -> list[Any]:
    """Whatever names an account, of one that nobody has."""
    countdown = SetCountdown(command_id=9 * 10**9, account_id=STRANGER, countdown_ms=60_000)
    margin = AdjustMargin(command_id=9 * 10**9 + 1, account_id=STRANGER, amount_units=10**9)
    refused = structs.replace(forged_order(STRANGER), order_id=10**9 + 1, size_lots=1)
    resting = structs.replace(forged_order(STRANGER), order_id=10**9 + 2)
    cancel = CancelOrder(
        command_id=9 * 10**9 + 2,
        account_id=STRANGER,
        order_id=1,
        reason=CancelReason.USER,
    )
    every = CancelAllOrders(
        command_id=9 * 10**9 + 3, account_id=STRANGER, side=None, reason=CancelReason.USER
    )
    return [countdown, margin, refused, resting, cancel, every]


def test_commands_of_an_account_that_nobody_has_are_set_aside_by_themselves(
    exchange: Exchange,
) -> None:
    exchange.start()
    exchange.trade(1)
    exchange.settle()
    before = (Posting.objects.count(), list(Wallet.objects.order_by("pk").values_list()))
    for command in of_stranger():
        publish_command(MARKET, command)
    exchange.settle()
    assert (Posting.objects.count(), list(Wallet.objects.order_by("pk").values_list())) == before
    honest = exchange.place(exchange.bob, Side.LONG, 9)
    exchange.settle()
    exchange.assert_sound()
    assert Order.objects.get(pk=honest).status in {"open", "filled"}
    set_aside = list(QuarantinedEntry.objects.order_by("seq"))
    assert len(set_aside) >= 2
    assert {entry.quarantined_by for entry in set_aside} == {None}
    assert not PersistenceFault.objects.filter(resolved_at__isnull=True).exists()
    assert not Order.objects.filter(pk__gte=10**9).exists()
    assert not Countdown.objects.filter(user_id=STRANGER).exists()
