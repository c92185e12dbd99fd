"""Money from outside for an insurance fund: asked for by one operator, decided by another."""

from enum import StrEnum

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from common.reasons import REASON_MAX
from markets.models import Market
from matching.messages.limits import MAX_MONEY_UNITS
from trading.models.outbox import OutboxCommand


class TopUpStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"


class InsuranceTopUp(models.Model):
    """Who asked never decides. ``command``: the FundInsurance an approval became, and no other."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="top_ups")
    amount_units = models.BigIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MAX_MONEY_UNITS)]
    )
    reason = models.CharField(max_length=REASON_MAX)
    status = models.CharField(
        max_length=9,
        choices=[(s.value, s.value) for s in TopUpStatus],
        default=TopUpStatus.REQUESTED,
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    command = models.OneToOneField(
        OutboxCommand, on_delete=models.PROTECT, null=True, related_name="top_up"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = "insurance top-up"
        permissions = [
            ("request_top_up", "Can ask for insurance top-ups"),
            ("decide_top_up", "Can approve and refuse insurance top-ups"),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(status=TopUpStatus.REQUESTED), name="top_up_waiting"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_units__gt=0), name="top_up_positive"),
            models.CheckConstraint(
                condition=~Q(decided_by=F("requested_by")),
                name="top_up_decided_by_another",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=TopUpStatus.REQUESTED, decided_by__isnull=True, command__isnull=True
                )
                | Q(status=TopUpStatus.APPROVED, decided_by__isnull=False, command__isnull=False)
                | Q(status=TopUpStatus.REFUSED, decided_by__isnull=False, command__isnull=True),
                name="top_up_decision_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Top-up {self.pk}"
