from enum import StrEnum

from django.conf import settings
from django.db import models

from common.choices import choices
from common.reasons import REASON_MAX


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNDER_WAY = (JobState.WAITING, JobState.RUNNING)


class Job(models.Model):
    """What every run has.

    beat_at      the last word of whoever carries it out
    why          it failed
    steps_done   of ``steps_total``, in the unit of its kind
    """

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=REASON_MAX)
    asked_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=choices(JobState), default=JobState.WAITING)
    why = models.TextField(default="")
    steps_done = models.BigIntegerField(default=0)
    steps_total = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def seconds(self) -> int | None:
        """From asking to the end."""
        if self.ended_at is None:
            return None
        return round((self.ended_at - self.asked_at).total_seconds())


def one_at_a_time(name: str) -> models.UniqueConstraint:
    """Of a kind of run: while one is under way there is no other."""
    return models.UniqueConstraint(
        models.Value(1), condition=models.Q(state__in=["waiting", "running"]), name=name
    )
