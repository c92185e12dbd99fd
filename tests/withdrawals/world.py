"""Withdrawals and what they take, made by hand."""

import itertools
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from ledger.models import Wallet, Withdrawal, WithdrawalAddress
from ledger.withdrawals.asking import NewWithdrawal, ask_for_withdrawal
from tests.trading.client import Answer, Trader

UNIT = 1_000_000
NETWORK, ADDRESS = "demo", "dm1" + "a" * 40
_keys = itertools.count(1)


def put_in_book(user: User, address: str = ADDRESS, *, age_h: float = 25) -> WithdrawalAddress:
    """Added so long ago, and cooling for a day."""
    added = timezone.now() - timedelta(hours=age_h)
    return WithdrawalAddress.objects.create(
        user=user, network=NETWORK, address=address, label="mine", added_at=added,
        usable_at=added + timedelta(hours=24),
    )  # fmt: skip


def new_key() -> str:
    return f"w{next(_keys)}"


def asked(amount: int = 100, **fields: Any) -> NewWithdrawal:
    """In whole USD."""
    values: dict[str, Any] = {
        "amount_units": amount * UNIT,
        "network": NETWORK,
        "address": ADDRESS,
        "idempotency_key": new_key(),
        "asked_from": None,
    }
    return NewWithdrawal(**values | fields)


def ask(user: User, amount: int = 100, **fields: Any) -> Withdrawal:
    """With the address in the book, if it isn't."""
    if not WithdrawalAddress.objects.filter(user=user, address=ADDRESS).exists():
        put_in_book(user)
    return ask_for_withdrawal(user.pk, asked(amount, **fields))


def withdraw(trader: Trader, amount: object = "100", **fields: Any) -> Answer:
    body = {
        "amount": amount,
        "network": NETWORK,
        "address": ADDRESS,
        "idempotencyKey": new_key(),
    } | fields
    return trader.api.post("/user/withdrawals", body)


def wallet_of(user: User) -> tuple[int, int]:
    """Available and held, in units."""
    wallet = Wallet.objects.get(user=user)
    return wallet.available_units, wallet.held_units
