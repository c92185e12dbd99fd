from django.db import models

from markets.models import Market

# All count from the epoch, so that hours and days begin as UTC's do. Each is of whole minutes.
CANDLE_INTERVALS_MS = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}


class Candle(models.Model):
    """What traded in a market within an interval; none where nothing did.

    Every interval has rows of its own: a read never sums up, and costs what it shows. Sums of a day
    have no bound that a bigint could be trusted with.

    quote_units   Σ price × size, as money
    taker_buy_…   of trades whose taker bought; 0 in rows of before they were counted
    """

    pk = models.CompositePrimaryKey("market", "interval_ms", "start_ms")
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="candles", db_index=False
    )
    interval_ms = models.IntegerField()
    start_ms = models.BigIntegerField()
    open_ticks = models.BigIntegerField()
    high_ticks = models.BigIntegerField()
    low_ticks = models.BigIntegerField()
    close_ticks = models.BigIntegerField()
    volume_lots = models.DecimalField(max_digits=40, decimal_places=0)
    quote_units = models.DecimalField(max_digits=40, decimal_places=0)
    trade_count = models.BigIntegerField()
    taker_buy_lots = models.DecimalField(max_digits=40, decimal_places=0, default=0, db_default=0)
    taker_buy_units = models.DecimalField(max_digits=40, decimal_places=0, default=0, db_default=0)

    class Meta:
        ordering = ["-start_ms"]

    def __str__(self) -> str:
        return f"{self.market_id} from {self.start_ms} for {self.interval_ms} ms"
