from typing import Any

from django.db import models

from console.hindsight.changes import Range
from console.jobs.models import Job, one_at_a_time
from markets.models import Market


class HindsightRun(Job):
    """A stretch again, with changes. Its steps are the stored commands since the snapshot.

    changes   as `changes.Changes`
    outcome   as `outcome.Outcome`, once it is done
    digest    of the whole outcome
    """

    market = models.ForeignKey(Market, models.PROTECT, related_name="+")
    from_seq = models.BigIntegerField()
    to_seq = models.BigIntegerField()
    changes: Any = models.JSONField()
    outcome: Any = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, default="")

    class Meta:
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = (("run_hindsight", "Can reckon what should have happened"),)
        constraints = (one_at_a_time("one_hindsight_run_at_a_time"),)

    @property
    def range(self) -> Range:
        return Range(self.from_seq, self.to_seq)
