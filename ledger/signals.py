"""Every user has a wallet and accounts, and every market accounts, from birth; the exchange's own
accounts come with the tables."""

from typing import Any

from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver

from ledger.models import (
    GLOBAL_ACCOUNT_KINDS,
    MARKET_ACCOUNT_KINDS,
    USER_ACCOUNT_KINDS,
    Account,
    Wallet,
)
from markets.models import Market


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def open_accounts_of_user(instance: Any, created: bool, **kwargs: Any) -> None:
    if created and not kwargs.get("raw"):
        Wallet.objects.create(user=instance)
        Account.objects.bulk_create(Account(kind=k, user=instance) for k in USER_ACCOUNT_KINDS)


@receiver(post_save, sender=Market)
def open_accounts_of_market(instance: Market, created: bool, **kwargs: Any) -> None:
    if created and not kwargs.get("raw"):
        Account.objects.bulk_create(Account(kind=k, market=instance) for k in MARKET_ACCOUNT_KINDS)


def open_global_accounts(using: str, **_kwargs: Any) -> None:
    """Connected to post_migrate, which also follows the flush of a test database."""
    Account.objects.using(using).bulk_create(
        (Account(kind=kind) for kind in GLOBAL_ACCOUNT_KINDS), ignore_conflicts=True
    )
