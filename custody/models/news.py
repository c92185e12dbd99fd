from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from ledger.models.withdrawal_terms import NETWORK_MAX


class CustodyNews(models.Model):
    """One number of a custody's news, as it came first; applied once."""

    network = models.CharField(max_length=NETWORK_MAX)
    seq = models.BigIntegerField()
    body = models.JSONField()
    taken_at = models.DateTimeField(db_default=Now())
    applied_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "custody news"
        constraints = [models.UniqueConstraint(fields=["network", "seq"], name="custody_news_once")]
        indexes = [
            models.Index(
                fields=["network", "seq"], condition=Q(applied_at=None), name="custody_news_waits"
            ),
            models.Index(
                fields=["applied_at"],
                condition=Q(applied_at__isnull=False),
                name="custody_news_applied",
            ),
        ]

    def __str__(self) -> str:
        return f"news {self.seq} of {self.network}"


class PollCursor(models.Model):
    """Up to which number a custody was asked for its news."""

    network = models.CharField(max_length=NETWORK_MAX, primary_key=True)
    seq = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.network} up to {self.seq}"
