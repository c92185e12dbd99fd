"""Runs of the stress ladder and what they found."""

from enum import StrEnum

from django.db import models

from approvals.models import Proposal
from common.choices import choices
from console.jobs.models import Job, one_at_a_time
from markets.models import Market


class StressKind(StrEnum):
    """LADDER: each move from where the market stands. PATH: each from where the one before ended.
    OUTAGE: as LADDER, while one market's price is away. RULES: as LADDER, under its rules and under
    those that a proposal would make."""

    LADDER = "ladder"
    PATH = "path"
    OUTAGE = "outage"
    RULES = "rules"


class StressRun(Job):
    """What was asked for, and what came of it. Its steps are moves.

    market      the only one that moves, or None for all; of an outage, the one that doesn't
    proposal    of new rules, what they are
    moves_ppm   as asked, in order
    refused     market → why it has no ladder
    results     market → `findings.Ladder`, with the largest rows of each step
    baseline    the same under today's rules, beside those of a proposal
    digest      of the whole ladders, all rows
    """

    kind = models.CharField(max_length=10, choices=choices(StressKind))
    market = models.ForeignKey(Market, models.PROTECT, null=True, related_name="+")
    proposal = models.ForeignKey(
        Proposal, models.PROTECT, null=True, related_name="stress_runs", db_index=False
    )
    moves_ppm = models.JSONField()
    refused = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    baseline = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, default="")

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        permissions = (("run_stress", "Can run the stress ladder"),)
        indexes = (
            models.Index(
                fields=["proposal", "-id"],
                condition=models.Q(proposal__isnull=False),
                name="stress_of_proposal",
            ),
        )
        constraints = (one_at_a_time("one_stress_run_at_a_time"),)
