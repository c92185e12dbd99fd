from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q

from common.choices import choices
from markets.models import Market


class ReplayState(StrEnum):
    RUNNING = "running"  # also while it waits for a worker
    SAME = "same"
    DIFFERENT = "different"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ReplayRun(models.Model):
    """A stretch of a market replayed and compared with what was published; one at a time.

    reached_seq  how far it has come; 0 while it waits for a worker
    told_at      when its worker last gave a sign of life
    result       in words, once it ended
    """

    market = models.ForeignKey(Market, models.PROTECT, related_name="+", db_index=False)
    from_seq = models.BigIntegerField()
    to_seq = models.BigIntegerField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    reached_seq = models.BigIntegerField(default=0)
    state = models.CharField(
        max_length=9, choices=choices(ReplayState), default=ReplayState.RUNNING
    )
    result = models.TextField(default="")

    class Meta:
        default_permissions = ()
        permissions = [
            ("replay_range", "Can replay a stretch of a market"),
            ("export_incident", "Can export a stretch of a market as a bundle"),
        ]
        indexes = [models.Index(fields=["market", "-id"], name="replay_of_market")]
        constraints = [
            models.UniqueConstraint(
                fields=["state"],
                condition=Q(state=ReplayState.RUNNING),
                name="replay_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} {self.from_seq} to {self.to_seq}"
