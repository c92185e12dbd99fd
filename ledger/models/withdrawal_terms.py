"""What withdrawals are judged by: where to, how much, and whether anything goes at all."""

from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.verification import LEVEL_MAX
from approvals.models import Proposal
from common.choices import choices
from common.reasons import REASON_MAX

ADDRESS_MAX = 120
NETWORK_MAX = 16
LABEL_MAX = 50
REFERENCE_MAX = 120  # of what custody or the network calls a transfer


class WithdrawalAddress(models.Model):
    """An entry of a trader's address book. Nothing is sent there before ``usable_at``: whoever gets
    into an account can't add an address and empty it at once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+"
    )
    network = models.CharField(max_length=NETWORK_MAX)
    address = models.CharField(max_length=ADDRESS_MAX)
    label = models.CharField(max_length=LABEL_MAX)
    added_at = models.DateTimeField()
    usable_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["user", "id"], name="withdrawal_address_of_user")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "network", "address"],
                condition=Q(removed_at=None),
                name="withdrawal_address_once_per_user",
            ),
            models.CheckConstraint(
                condition=Q(usable_at__gte=F("added_at")), name="withdrawal_address_cools"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} on {self.network}"

    def is_usable(self, now: datetime) -> bool:
        return self.usable_at <= now


class WithdrawalLimit(models.Model):
    """How much a trader of a verification level may withdraw.

    day_units        within 24 hours
    automatic_units  of one withdrawal that nobody needs to approve
    one_units        of one that one operator approves; above it takes two
    """

    level = models.SmallIntegerField(primary_key=True)
    day_units = models.BigIntegerField()
    automatic_units = models.BigIntegerField()
    one_units = models.BigIntegerField()
    proposal = models.ForeignKey(Proposal, models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("propose_withdrawal_limit", "Can propose limits of withdrawals"),
            ("decide_withdrawal_limit", "Can approve and refuse limits of withdrawals"),
        ]
        ordering = ["level"]
        constraints = [
            models.CheckConstraint(
                condition=Q(level__gte=0, level__lte=LEVEL_MAX)
                & Q(day_units__gte=0, automatic_units__gte=0)
                & Q(one_units__gte=F("automatic_units")),
                name="withdrawal_limit_rises",
            )
        ]

    def __str__(self) -> str:
        return f"limits of level {self.level}"


class StopCause(StrEnum):
    RECONCILIATION = "reconciliation"  # rows, journal and engines don't agree
    FLOAT = "float"  # custody has another balance than the ledger says
    CASE = "case"  # custody said something that can't be
    OPERATOR = "operator"


class SendingStop(models.Model):
    """While one is open nothing goes by itself. It is closed by what opened it."""

    cause = models.CharField(max_length=14, choices=choices(StopCause))
    words = models.CharField(max_length=REASON_MAX)
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    close_words = models.CharField(max_length=REASON_MAX, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["cause"], condition=Q(closed_at=None), name="sending_stop_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.cause}: {self.words}"
