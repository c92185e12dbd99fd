from django.conf import settings
from django.db import models

from common.reasons import REASON_MAX
from markets.models import Market


class MarketLaunch(models.Model):
    """How a market came to be open.

    reference_price  what its maker took its price to be; None: made by another door
    missing          what the checklist lacked as it was opened all the same, in words
    command_id       the command that opened it
    """

    market = models.OneToOneField(
        Market, on_delete=models.PROTECT, primary_key=True, related_name="launch"
    )
    reference_price = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField(null=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    opened_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=REASON_MAX, blank=True)
    missing = models.JSONField(default=list)
    command_id = models.BigIntegerField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"launch of {self.market_id}"
