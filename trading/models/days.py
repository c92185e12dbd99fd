"""What traders did by day, by UTC: written as fills are persisted."""

from decimal import Decimal

from django.conf import settings
from django.db import models

from markets.models import Market


def _units() -> "models.DecimalField[Decimal, Decimal]":
    """A sum without a bound: no number of fills may stop persistence."""
    return models.DecimalField(max_digits=40, decimal_places=0)


class TraderDay(models.Model):
    """The fills of one trader in a market on a day.

    volume_units        Σ price × size
    fee_units           what was paid, less rebates
    realized_pnl_units  without fees
    """

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
    volume_units = _units()
    fee_units = _units()
    realized_pnl_units = _units()

    def __str__(self) -> str:
        return f"user {self.user_id} in {self.market_id} on {self.day}"


class TierDay(models.Model):
    """The same of all traders of a fee tier, as they were in it when their fills were persisted;
    tier 0: in none. What two sides of a trade paid is two volumes."""

    pk = models.CompositePrimaryKey("market", "day", "tier_id")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    tier_id = models.BigIntegerField()
    volume_units = _units()
    fee_units = _units()

    def __str__(self) -> str:
        return f"tier {self.tier_id} in {self.market_id} on {self.day}"
