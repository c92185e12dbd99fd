"""Runs of the stress ladder and what they found."""

from enum import StrEnum

from django.conf import settings
from django.db import models


class StressState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNDER_WAY = (StressState.WAITING, StressState.RUNNING)


class StressRun(models.Model):
    """``steps_ppm``: as asked, in order. ``snapshots``: market → sequence it was taken at.
    ``refused``: market → why it has no ladder. ``results``: market → `ladder.Ladder`.
    ``beat_at``: the last word of whoever runs it."""

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    reason = models.CharField(max_length=200)
    asked_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in StressState])
    why = models.TextField(default="")
    steps_ppm = models.JSONField()
    steps_done = models.IntegerField(default=0)
    steps_total = models.IntegerField(default=0)
    snapshots = models.JSONField(default=dict)
    refused = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, default="")

    class Meta:
        ordering = ["-id"]
        permissions = [("run_stress", "Can run the stress ladder")]
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["waiting", "running"]),
                name="one_stress_run_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"stress run {self.pk}"
