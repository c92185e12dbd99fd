from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.choices import choices
from common.reasons import REASON_MAX
from custody.interface import ID_MAX
from ledger.models.withdrawal_terms import NETWORK_MAX


class CaseKind(StrEnum):
    PAYOUT = "payout"  # said of a withdrawal what can't be
    STRANGER = "stranger"  # a deposit to an address that is nobody's
    CHANGED = "changed"  # a deposit with another amount or address than before
    TAKEN_BACK = "taken_back"  # a deposit that was credited is orphaned
    FULL = "full"  # a deposit that its wallet has no room for
    CONTRADICTION = "contradiction"  # one number of news says two things
    BACKWARDS = "backwards"  # custody knows less than it has told us


class CustodyCase(models.Model):
    """What custody said that can't be, or that no rule answers: an operator's."""

    network = models.CharField(max_length=NETWORK_MAX)
    kind = models.CharField(max_length=13, choices=choices(CaseKind))
    subject = models.CharField(max_length=ID_MAX)
    words = models.CharField(max_length=REASON_MAX)
    said = models.JSONField("what custody said", default=dict)
    opened_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    resolution = models.CharField(max_length=REASON_MAX, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("resolve_case", "Can resolve cases of custody")]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["network", "kind", "subject"],
                condition=Q(resolved_at=None),
                name="custody_case_open_once",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(resolved_at=None), name="custody_case_open")
        ]

    def __str__(self) -> str:
        return f"case {self.pk}: {self.words}"
