from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from trading.market_rules import forget_markets
from trading.models import Market


@receiver([post_save, post_delete], sender=Market)
def forget_market_rules(**_: Any) -> None:
    forget_markets()
