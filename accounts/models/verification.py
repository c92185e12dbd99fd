from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.access import User
from common.reasons import REASON_MAX

LEVEL_MAX = 3


class Verification(models.Model):
    """How well the exchange knows a trader, from this moment on: the newest row counts
    (`accounts.verification.levels`). Append-only. ``set_by`` None: a provider of identities."""

    user = models.ForeignKey(User, models.CASCADE, db_index=False, related_name="verifications")
    level = models.SmallIntegerField()
    reason = models.CharField(max_length=REASON_MAX)
    set_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        permissions = [("set_verification", "Can set the verification level of traders")]
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(level__gte=0, level__lte=LEVEL_MAX), name="verification_level_known"
            ),
            models.CheckConstraint(
                condition=~Q(set_by=models.F("user")), name="verification_set_by_another"
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="verification_of_user")]

    def __str__(self) -> str:
        return f"level {self.level} of {self.user}"
