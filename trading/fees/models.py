"""Rows of what is done once a day about fees."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.referrals.models import Referral
from common.reasons import REASON_MAX
from matching.messages.limits import PPM


class RunKind(models.TextChoices):
    TIERS = "tiers", "fee tiers by volume"
    REFERRALS = "referrals", "referral shares"


class DailyRun(models.Model):
    """A day's run; ``ended_at`` None: one that is under way, or was cut short and goes on.

    day    of which, or for tiers the day before which, the volume is counted
    count  families that moved, or traders of whose fees a share was paid
    """

    kind = models.CharField(max_length=9, choices=RunKind.choices)
    day = models.DateField()
    count = models.IntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "day"], name="daily_run_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.day}"


class TierMove(models.Model):
    """A family was put into another fee tier by its volume. Tiers by name, as it was then; empty
    for none, which is the market's own fees."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    day = models.DateField()
    from_tier = models.CharField("from", max_length=64, blank=True)
    to_tier = models.CharField("to", max_length=64, blank=True)
    volume_units = models.DecimalField("volume", max_digits=40, decimal_places=0)
    moved_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["user", "day"], name="tier_move_once_per_user_and_day")
        ]

    def __str__(self) -> str:
        return f"{self.from_tier or 'no tier'} → {self.to_tier or 'no tier'}"


class ReferralRule(models.Model):
    """Which share of the fees of a referred trader goes to who brought them; the newest row counts,
    and without one nothing does."""

    share_ppm = models.IntegerField("share")
    reason = models.CharField(max_length=REASON_MAX)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("set_referral_rule", "Can set the share of referrals")]
        constraints = [
            models.CheckConstraint(
                condition=Q(share_ppm__range=(0, PPM)), name="referral_share_in_bounds"
            )
        ]

    def __str__(self) -> str:
        return f"share of {self.share_ppm} ppm"


class ReferralPayment(models.Model):
    """A share that was paid. Append-only.

    user          the referred trader, of whose family the fees are
    fee_units     what the family paid on the day, above zero
    amount_units  of it, to the referrer
    """

    referral = models.ForeignKey(Referral, models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    referrer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    day = models.DateField()
    fee_units = models.BigIntegerField()
    share_ppm = models.IntegerField("share")
    amount_units = models.BigIntegerField()
    entry = models.OneToOneField(
        "ledger.JournalEntry", models.PROTECT, related_name="+", db_constraint=False
    )
    paid_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["referrer", "-id"], name="referral_payment_of_referrer")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "day"], name="referral_payment_once_per_user_and_day"
            ),
            models.CheckConstraint(
                condition=Q(amount_units__gt=0, amount_units__lte=F("fee_units")),
                name="referral_payment_within_fees",
            ),
            models.CheckConstraint(
                condition=~Q(referrer=F("user")), name="referral_payment_to_another"
            ),
        ]

    def __str__(self) -> str:
        return f"Referral payment {self.pk}"
