"""Codes, and who signed up with one."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class ReferralCode(models.Model):
    """``referred_count`` and ``paid_units`` are kept as they happen."""

    code = models.CharField(max_length=16, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="referral_codes"
    )
    made_at = models.DateTimeField(db_default=Now())
    referred_count = models.IntegerField(default=0)
    paid_units = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """``user`` signed up with a code of ``referrer``."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="referral"
    )
    referrer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="referred")
    code = models.ForeignKey(ReferralCode, models.PROTECT, related_name="referrals")
    signed_up_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=~Q(user=F("referrer")), name="referral_of_another")
        ]

    def __str__(self) -> str:
        return f"referral of {self.user}"
