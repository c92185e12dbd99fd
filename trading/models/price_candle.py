from django.db import models

from markets.models import Market

# Longer intervals are read from these: 15 minutes from minutes, days from hours.
KEPT_INTERVALS_MS = (60_000, 3_600_000)


class PriceCandle(models.Model):
    """The mark and the index price of a market within an interval; none where neither was told.

    Their open is the first that was told within it, not the last before.
    """

    pk = models.CompositePrimaryKey("market", "interval_ms", "start_ms")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+", db_index=False)
    interval_ms = models.IntegerField()
    start_ms = models.BigIntegerField()
    mark_open_ticks = models.BigIntegerField()
    mark_high_ticks = models.BigIntegerField()
    mark_low_ticks = models.BigIntegerField()
    mark_close_ticks = models.BigIntegerField()
    index_open_ticks = models.BigIntegerField()
    index_high_ticks = models.BigIntegerField()
    index_low_ticks = models.BigIntegerField()
    index_close_ticks = models.BigIntegerField()

    def __str__(self) -> str:
        return f"prices of {self.market_id} from {self.start_ms} for {self.interval_ms} ms"


class MarketStanding(models.Model):
    """What was open in a market at a moment, as the ledger had it.

    taken_ms           on whole five minutes
    long_accounts      with a long position; short_accounts likewise
    insurance_units    the market's fund
    top_…              of the fifth of accounts with the largest positions, rounded up; 0 in rows
                       of before they were counted
    """

    pk = models.CompositePrimaryKey("market", "taken_ms")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+", db_index=False)
    taken_ms = models.BigIntegerField()
    open_interest_lots = models.BigIntegerField()
    long_accounts = models.IntegerField()
    short_accounts = models.IntegerField()
    insurance_units = models.BigIntegerField()
    top_long_accounts = models.IntegerField(default=0, db_default=0)
    top_short_accounts = models.IntegerField(default=0, db_default=0)
    top_long_lots = models.BigIntegerField(default=0, db_default=0)
    top_short_lots = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.market_id} at {self.taken_ms}"
