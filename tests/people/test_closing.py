"""An account is closed by its owner once nothing is left in it, and by nobody else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client

from accounts import services
from accounts.models import ApiKey, Closure, EndReason, Session, User
from common.admin.record_urls import list_path
from common.errors import DomainError
from console.audit.models import AuditRow
from ledger.models import Wallet
from ledger.services import deposit
from tests.accounts.test_sessions import sign_in, sign_up
from tests.people.mailbox import Mailbox
from tests.trading.client import PASSWORD, Trader, make_market, make_trader, set_ticker
from trading.models import Order, Position

pytestmark = pytest.mark.django_db


def close(trader: Trader, password: str = PASSWORD) -> Any:
    return trader.api.post("/user/close", {"password": password})


def test_a_closed_account_is_nobodys(trader: Trader, mailbox: Mailbox) -> None:
    body = {"name": "bot", "password": PASSWORD, "permissions": ["read"]}
    assert trader.api.post("/user/keys", body).status == 201
    mailbox.forget()
    assert close(trader).status == 200
    assert trader.api.get("/user/orders").status == 403
    refused = sign_in(trader.user.username)
    assert (refused.status, refused.code) == (403, "ACCOUNT_CLOSED")
    assert sign_up(trader.user.username).code == "USERNAME_TAKEN"
    assert Session.objects.get(user=trader.user).end_reason == EndReason.ACCOUNT_CLOSED
    assert ApiKey.objects.get().revoked_at is not None
    assert mailbox.subjects() == ["Your account was closed"]


def test_a_wrong_password_closes_nothing(trader: Trader) -> None:
    assert close(trader, "wrong, surely").code == "WRONG_PASSWORD"
    assert not Closure.objects.exists()
    assert sign_in(trader.user.username, "wrong, surely").status == 401


def test_what_stands_against_it_is_said(redis_db: redis.Redis, settings: Any) -> None:
    settings.SELF_ONRAMP = False
    market = make_market()
    set_ticker(redis_db)
    trader = make_trader()
    assert trader.place().status == 202
    Position.objects.create(
        user=trader.user,
        market=market,
        position_lots=5,
        entry_cost_units=1,
        margin_units=1,
        seq=1,
        updated_at=Order.objects.get().created_at,
    )
    assert trader.api.post("/user/onramp", {"amount": "5"}).status == 202
    refused = close(trader)
    assert (refused.status, refused.code) == (409, "ACCOUNT_IN_USE")
    said = " ".join(refused.body["reasons"])
    for words in ("is in the wallet", "held by orders", "1 deposits wait", "BTC-PERP", "1 orders"):
        assert words in said, words
    assert len(refused.body["reasons"]) == 5
    assert User.objects.get(pk=trader.user.pk).is_active


def test_an_operator_is_let_go_first(trader: Trader) -> None:
    User.objects.filter(pk=trader.user.pk).update(is_staff=True)
    assert "operator" in close(trader).body["reasons"][0]


def test_money_can_not_come_in_behind_it(trader: Trader) -> None:
    assert close(trader).status == 200
    with pytest.raises(DomainError, match="closed"):
        deposit(trader.user.pk, 1_000_000, approved=True)
    assert Wallet.objects.get(user=trader.user).available_units == 0


@pytest.mark.django_db(transaction=True)
def test_closing_and_depositing_at_once() -> None:
    """Whatever comes first: a closed account has no money."""

    def concurrently(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except DomainError as error:
            return error
        finally:
            connection.close()

    for _ in range(5):
        trader = make_trader(0)
        calls = [
            lambda trader=trader: close(trader),
            lambda trader=trader: deposit(trader.user.pk, 1_000_000, approved=True),
        ]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(concurrently, calls))
        is_closed = Closure.objects.filter(user=trader.user).exists()
        assert is_closed is not bool(Wallet.objects.get(user=trader.user).available_units)


def test_an_operator_opens_it_again(trader: Trader, client_of: Callable[[str], Client]) -> None:
    close(trader)
    closure = Closure.objects.get()
    user = User.objects.get(pk=trader.user.pk)
    with pytest.raises(DomainError, match="closed accounts"):
        services.resume_user(user)
    said = {"action": "reopen", "_selected_action": closure.pk, "confirmed": "yes"}
    client = client_of("support")
    client.post(list_path(Closure), said)
    assert sign_in(trader.user.username).status == 403  # without a reason nothing happens
    client.post(list_path(Closure), said | {"reason": "she wrote"})
    assert sign_in(trader.user.username).status == 200
    row = AuditRow.objects.latest("pk")
    assert (row.verb, row.reason) == ("reopen", "she wrote")
    client.post(list_path(Closure), said | {"reason": "again"})
    closure.refresh_from_db()
    assert closure.reopen_reason == "she wrote"
    assert ApiKey.objects.filter(revoked_at=None).count() == 0
