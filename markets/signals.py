"""Every market has a status from birth; a change of one is read again at once."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from markets.models import Market, MarketStatus
from markets.rules import forget_markets


@receiver(post_save, sender=Market)
def open_status_of_market(instance: Market, created: bool, **kwargs: Any) -> None:
    if created and not kwargs.get("raw"):
        MarketStatus.objects.create(market=instance)


@receiver([post_save, post_delete], sender=Market)
def forget_market_rules(**_: Any) -> None:
    forget_markets()
