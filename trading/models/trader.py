"""What differs from trader to trader."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from markets.models import Market
from matching.messages.limits import MAX_LEVERAGE, PPM

REQUESTS_PER_S_MAX = 100_000


def _per_s() -> "models.IntegerField[int | None, int | None]":
    bounds = [MinValueValidator(1), MaxValueValidator(REQUESTS_PER_S_MAX)]
    return models.IntegerField(null=True, blank=True, validators=bounds)


class FeeTier(models.Model):
    """Fees of a group of traders, in every market; who is in none pays the market's own. And how
    many requests a second each of them may send in the long run; null for the default."""

    name = models.CharField(max_length=64, unique=True)
    maker_fee_ppm = models.IntegerField(
        validators=[MinValueValidator(-PPM), MaxValueValidator(PPM)],
        help_text="Below zero a rebate, at most the taker fee.",
    )
    taker_fee_ppm = models.IntegerField(validators=[MinValueValidator(0), MaxValueValidator(PPM)])
    from_volume_units = models.BigIntegerField(
        null=True,
        blank=True,
        unique=True,
        validators=[MinValueValidator(1)],
        help_text="Of 30 days, from which on traders are in it; none: by hand only.",
    )
    orders_per_s = _per_s()
    cancels_per_s = _per_s()
    reads_per_s = _per_s()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(maker_fee_ppm__lte=F("taker_fee_ppm"))
                & Q(maker_fee_ppm__gte=-F("taker_fee_ppm")),
                name="fee_tier_maker_fee_within_taker_fee",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{kind}_per_s__isnull": True})
                    | Q(**{f"{kind}_per_s__range": (1, REQUESTS_PER_S_MAX)}),
                    name=f"fee_tier_{kind}_per_s_in_bounds",
                )
                for kind in ("orders", "cancels", "reads")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class UserFeeTier(models.Model):
    """All accounts of a family are in the same. ``by_volume``: set by what it traded, which leaves
    alone whom an operator put into a tier (`trading.fees`)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="fee_tier",
    )
    tier = models.ForeignKey(FeeTier, on_delete=models.PROTECT, related_name="users")
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    by_volume = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(assigned_by=F("user")),
                name="user_fee_tier_assigned_by_another",
            ),
            models.CheckConstraint(
                condition=Q(by_volume=False) | Q(assigned_by=None),
                name="user_fee_tier_by_volume_or_hand",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} of {self.user}"


class TraderLeverage(models.Model):
    """The leverage of a trader's orders in a market that name none."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="leverages", db_index=False
    )
    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="+")
    leverage = models.IntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LEVERAGE)]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "market"], name="trader_leverage_once_per_user_and_market"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.leverage}× of {self.user} in {self.market_id}"


class Countdown(models.Model):
    """Orders of a trader in a market go when this is over, unless it is set anew. Written by
    `ledger` from the engine's events; a row that is gone counts nothing."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="countdowns",
        db_index=False,
    )
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="countdowns")
    due_ms = models.BigIntegerField(help_text="By the engine's clock.")
    protective = models.BooleanField(
        default=False, db_default=False, help_text="Waiting reduce-only orders go, too."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "market"], name="countdown_once_per_user_and_market"
            ),
            models.CheckConstraint(condition=Q(due_ms__gt=0), name="countdown_runs"),
        ]

    def __str__(self) -> str:
        return f"Countdown of {self.user} in {self.market_id}"
