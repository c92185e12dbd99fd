from django.conf import settings
from django.db import models

from markets.models import Market


class ActiveTrader(models.Model):
    """That somebody's order filled in a market on a day, by UTC: written as fills are persisted."""

    pk = models.CompositePrimaryKey("market", "day", "user")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    def __str__(self) -> str:
        return f"user {self.user_id} in {self.market_id} on {self.day}"
