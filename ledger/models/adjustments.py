"""Wallets that operators set right."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q

from approvals.models import Proposal
from common.reasons import REASON_MAX
from ledger.models.journal import JournalEntry

REFERENCE_MAX = 64


class AdjustmentCategory(StrEnum):
    REFUND = "refund"  # of what the exchange took: a fee, a funding payment
    COMPENSATION = "compensation"  # for a loss the exchange caused
    CORRECTION = "correction"  # of an entry that was wrong
    INCENTIVE = "incentive"
    RECOVERY = "recovery"  # of what a trader was given and wasn't due
    REVERSAL = "reversal"  # the counter-entry of another adjustment


class Adjustment(models.Model):
    """Money that operators gave to a trader, or took: what one proposed and another approved.

    A row is never changed; what was wrong is set right by another that reverses it.

    amount_units  above zero: into the wallet
    reference     what it is about elsewhere (a ticket, an order); once per trader
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adjustments"
    )
    amount_units = models.BigIntegerField()
    category = models.CharField(
        max_length=12, choices=[(c.value, c.value) for c in AdjustmentCategory]
    )
    reference = models.CharField(max_length=REFERENCE_MAX)
    reason = models.CharField(max_length=REASON_MAX)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )
    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="adjustments")
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, related_name="adjustment", db_constraint=False
    )
    adjusted_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("propose_adjustment", "Can propose adjustments of wallets"),
            ("decide_adjustment", "Can approve and refuse adjustments of wallets"),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="adjustment_of_user")]
        constraints = [
            models.CheckConstraint(condition=~Q(amount_units=0), name="adjustment_moves_something"),
            models.CheckConstraint(
                condition=Q(category=AdjustmentCategory.REVERSAL, reverses__isnull=False)
                | (~Q(category=AdjustmentCategory.REVERSAL) & Q(reverses__isnull=True)),
                name="adjustment_reversal_names_what",
            ),
            models.UniqueConstraint(
                fields=["reference", "user"], name="adjustment_once_per_reference"
            ),
        ]

    def __str__(self) -> str:
        return f"Adjustment {self.pk}"
