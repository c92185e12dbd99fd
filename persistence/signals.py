"""Every market has a cursor from birth."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from markets.models import Market
from persistence.models import MarketCursor


@receiver(post_save, sender=Market)
def open_cursor_of_market(instance: Market, created: bool, **kwargs: Any) -> None:
    if created and not kwargs.get("raw"):
        MarketCursor.objects.create(market=instance)
