"""What traders were told of (`trading.notices`)."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from markets.models import Market


class LiquidationsTold(models.Model):
    """How far in a market's output their owners were told of liquidations."""

    market = models.OneToOneField(Market, on_delete=models.PROTECT, primary_key=True)
    seq = models.BigIntegerField()
    ordinal = models.IntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"liquidations of {self.market_id} told"


class MarginCall(models.Model):
    """A trader was told that a position is close to liquidation, and it still is.

    ratio_ppm  the margin ratio that was told; null where nothing was left
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+")
    called_at = models.DateTimeField(db_default=Now())
    ratio_ppm = models.BigIntegerField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user", "market"], name="margin_call_once_per_user_and_market"
            ),
        ]

    def __str__(self) -> str:
        return f"margin call of user {self.user_id} in {self.market_id}"
