from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from approvals.models import Proposal
from common.reasons import REASON_MAX
from ledger.models.withdrawal_terms import NETWORK_MAX

REFERENCE_MAX = 64


class FloatMovement(models.Model):
    """Money of the house at custody: put in, taken out, lost or found. No trader's. Append-only.

    amount_units  above zero: custody has more
    """

    network = models.CharField(max_length=NETWORK_MAX)
    amount_units = models.BigIntegerField()
    reference = models.CharField(max_length=REFERENCE_MAX)
    reason = models.CharField(max_length=REASON_MAX)
    moved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    proposal = models.ForeignKey(Proposal, models.PROTECT, null=True, related_name="+")
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("propose_float", "Can propose movements of the float at custody"),
            ("decide_float", "Can approve and refuse movements of the float at custody"),
        ]
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(amount_units=0), name="float_movement_moves_something"
            ),
            models.UniqueConstraint(
                fields=["network", "reference"], name="float_movement_once_per_reference"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} on {self.network}"


class FloatLook(models.Model):
    """Custody's balance beside what our rows say, at one number of its news. The newest of each
    network are kept.

    float_units      `FloatMovement`s
    credited_units   deposits that are credited
    coming_units     deposits that are seen, and not credited
    sent_units       withdrawals that custody has sent
    """

    network = models.CharField(max_length=NETWORK_MAX)
    seq = models.BigIntegerField()
    custody_units = models.BigIntegerField()
    float_units = models.BigIntegerField()
    credited_units = models.BigIntegerField()
    coming_units = models.BigIntegerField()
    sent_units = models.BigIntegerField()
    looked_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["network", "-id"], name="float_look_of_network")]

    def __str__(self) -> str:
        return f"look {self.pk} at {self.network}"

    @property
    def expected_units(self) -> int:
        return self.float_units + self.credited_units + self.coming_units - self.sent_units

    @property
    def difference_units(self) -> int:
        """Above zero: custody has more than our rows say."""
        return self.custody_units - self.expected_units


class FloatPart(models.Model):
    """What custody should hold, in parts whose sum it is; the columns are those of `FloatLook`.

    Triggers of Postgres add one as a movement, a deposit or a withdrawal comes to count or ceases
    to, so that both are there or neither. A look puts those it finds into one.
    """

    network = models.CharField(max_length=NETWORK_MAX)
    float_units = models.BigIntegerField(db_default=0)
    credited_units = models.BigIntegerField(db_default=0)
    coming_units = models.BigIntegerField(db_default=0)
    sent_units = models.BigIntegerField(db_default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"part {self.pk} of the float on {self.network}"
