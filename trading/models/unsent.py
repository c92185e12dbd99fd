from django.db import models
from django.db.models.functions import Now

from markets.models import Market


class UnsentMarket(models.Model):
    """A market of which something was committed and could not be published. While its row is there
    nothing of it is published as it is committed: `trading.commands.backlog` sends all in order."""

    market = models.OneToOneField(
        Market, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    since = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.market_id} since {self.since}"
