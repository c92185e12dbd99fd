"""Runs of the stress ladder and what they found."""

from enum import StrEnum

from django.conf import settings
from django.db import models

from common.choices import choices
from markets.models import Market


class StressState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNDER_WAY = (StressState.WAITING, StressState.RUNNING)


class StressKind(StrEnum):
    """LADDER: each move from where the market stands. PATH: each from where the one before ended.
    OUTAGE: as LADDER, while one market's price is away."""

    LADDER = "ladder"
    PATH = "path"
    OUTAGE = "outage"


class StressRun(models.Model):
    """What was asked for, how far it is, and what came of it.

    market      the only one that moves, or None for all; of an outage, the one that doesn't
    moves_ppm   as asked, in order
    beat_at     the last word of whoever runs it
    why         it failed
    refused     market → why it has no ladder
    results     market → `findings.Ladder`, with the largest rows of each step
    digest      of the whole ladders, all rows
    """

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=choices(StressKind))
    market = models.ForeignKey(Market, models.PROTECT, null=True, related_name="+")
    moves_ppm = models.JSONField()
    asked_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=choices(StressState))
    why = models.TextField(default="")
    steps_done = models.IntegerField(default=0)
    steps_total = models.IntegerField(default=0)
    refused = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, default="")

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        permissions = (("run_stress", "Can run the stress ladder"),)
        constraints = (
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["waiting", "running"]),
                name="one_stress_run_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY
