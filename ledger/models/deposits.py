"""Money that came in."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from common.idempotency import KEY_LENGTH_MAX
from ledger.models.journal import JournalEntry


class DepositStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"


class Deposit(models.Model):
    """Money asked into a wallet: approved at once where traders may, else by an operator."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deposits"
    )
    amount_units = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=KEY_LENGTH_MAX, null=True, blank=True)
    status = models.CharField(
        max_length=9,
        choices=[(s.value, s.value) for s in DepositStatus],
        default=DepositStatus.REQUESTED,
    )
    # Checked by a trigger: see migrations/rules.
    entry = models.OneToOneField(
        JournalEntry,
        on_delete=models.PROTECT,
        null=True,
        related_name="deposit",
        db_constraint=False,
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        permissions = [("decide_deposit", "Can approve and refuse deposits")]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(status=DepositStatus.REQUESTED), name="deposit_waiting"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key", "user"],
                condition=Q(idempotency_key__isnull=False),
                name="deposit_idempotency_key_once_per_user",
            ),
            models.CheckConstraint(condition=Q(amount_units__gt=0), name="deposit_positive"),
            models.CheckConstraint(
                condition=Q(status=DepositStatus.APPROVED, entry__isnull=False)
                | (~Q(status=DepositStatus.APPROVED) & Q(entry__isnull=True)),
                name="deposit_approved_has_entry",
            ),
            models.CheckConstraint(
                condition=~Q(decided_by=F("user")), name="deposit_decided_by_another"
            ),
        ]

    def __str__(self) -> str:
        return f"Deposit {self.pk}"
