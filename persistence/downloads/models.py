"""Which files there are, and what went wrong with those there should be."""

from enum import StrEnum

from django.db import models

from common.choices import choices
from markets.models import Market


class FileKind(StrEnum):
    TRADES = "trades"
    CANDLES = "candles"


class DailyFile(models.Model):
    """Of one UTC day. Without a ``sha256`` it is not made yet, and ``fault`` says why."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="daily_files")
    kind = models.CharField(max_length=8, choices=choices(FileKind))
    day = models.DateField()
    row_count = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    fault = models.TextField(blank=True, default="")
    made_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["market", "kind", "day"], name="one_file_a_day"),
        ]
        indexes = [
            models.Index(fields=["day"], condition=~models.Q(fault=""), name="daily_file_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} {self.kind} of {self.day}"
