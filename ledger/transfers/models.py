"""Rows of transfers, and of what operators allow."""

from django.db import models
from django.db.models import F, Q

from accounts.models import User
from common.idempotency import KEY_LENGTH_MAX
from common.reasons import REASON_MAX


class Transfer(models.Model):
    """Money that went from one account to another. Append-only.

    sender    the main account of the family that sent it
    receiver  the main account of the family that got it: the sender, but for transfers to others
    """

    sender = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    receiver = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    from_user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    to_user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    amount_units = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=KEY_LENGTH_MAX)
    entry = models.OneToOneField(
        "ledger.JournalEntry", models.PROTECT, related_name="transfer", db_constraint=False
    )
    transferred_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=[name, "-id"], name=f"transfer_of_{name}")
            for name in ("sender", "receiver", "from_user", "to_user")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key", "sender"], name="transfer_once_per_sender_and_key"
            ),
            models.CheckConstraint(condition=Q(amount_units__gt=0), name="transfer_positive"),
            models.CheckConstraint(
                condition=~Q(from_user=F("to_user")), name="transfer_to_another_account"
            ),
        ]

    def __str__(self) -> str:
        return f"Transfer {self.pk}"


class TransferRule(models.Model):
    """Whether traders may send money to others; the newest row counts, and without one they may
    not."""

    to_others = models.BooleanField("to other traders")
    reason = models.CharField(max_length=REASON_MAX)
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("set_transfer_rule", "Can allow and forbid transfers to other traders")]

    def __str__(self) -> str:
        return "transfers to others " + ("allowed" if self.to_others else "forbidden")
