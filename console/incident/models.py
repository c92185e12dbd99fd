from enum import StrEnum

from django.db import models

from common.choices import choices
from console.jobs.models import Job, one_at_a_time
from markets.models import Market


class Verdict(StrEnum):
    SAME = "same"
    DIFFERENT = "different"


class ReplayRun(Job):
    """A stretch of a market replayed and compared with what was published. Its steps are sequences:
    the one it has come to, which is first on the way from a snapshot before the stretch.

    verdict  once it is done
    result   the verdict in words
    """

    market = models.ForeignKey(Market, models.PROTECT, related_name="+", db_index=False)
    from_seq = models.BigIntegerField()
    to_seq = models.BigIntegerField()
    verdict = models.CharField(max_length=9, choices=choices(Verdict), default="")
    result = models.TextField(default="")

    class Meta:
        default_permissions = ()
        permissions = [
            ("replay_range", "Can replay a stretch of a market"),
            ("export_incident", "Can export a stretch of a market as a bundle"),
        ]
        indexes = [models.Index(fields=["market", "-id"], name="replay_of_market")]
        constraints = [one_at_a_time("replay_one_at_a_time")]

    def __str__(self) -> str:
        return f"{self.market_id} {self.from_seq} to {self.to_seq}"
