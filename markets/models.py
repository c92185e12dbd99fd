from decimal import Context, Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.lookups import LessThan

from common.choices import choices
from matching.messages.limits import (
    MAX_LEVERAGE,
    MAX_MONEY_UNITS,
    MONEY_UNITS_PER_CURRENCY,
    PPM,
)
from matching.messages.vocabulary import MarketState, StateReason

_EXACT = Context(prec=80)  # more digits than a product of two steps has


def units_per_tick_lot(tick_size: Decimal, lot_size: Decimal) -> int:
    per_lot = _EXACT.multiply(tick_size, lot_size)
    return int(_EXACT.multiply(per_lot, Decimal(MONEY_UNITS_PER_CURRENCY)))


class Market(models.Model):
    """The rules of a market, as the operator set them. Its engine hears of them by
    `trading.services.configure_market` alone."""

    id = models.CharField(
        "market",
        primary_key=True,
        max_length=32,
        validators=[
            RegexValidator(
                r"^[A-Z0-9]+(-[A-Z0-9]+)*$", "Use capitals, digits and hyphens, as in BTC-PERP."
            )
        ],
    )
    base_asset = models.CharField(max_length=16)
    quote_asset = models.CharField(max_length=16, default="USD")
    tick_size = models.DecimalField(
        max_digits=20, decimal_places=10, validators=[MinValueValidator(Decimal("1e-10"))]
    )
    lot_size = models.DecimalField(
        max_digits=20, decimal_places=10, validators=[MinValueValidator(Decimal("1e-10"))]
    )
    min_size_lots = models.BigIntegerField(default=1, validators=[MinValueValidator(1)])
    max_size_lots = models.BigIntegerField(validators=[MinValueValidator(1)])
    min_notional_units = models.BigIntegerField(default=0, validators=[MinValueValidator(0)])
    price_band_ppm = models.IntegerField(
        default=100_000, validators=[MinValueValidator(1), MaxValueValidator(PPM - 1)]
    )
    max_slippage_ppm = models.IntegerField(
        default=10_000,
        db_default=10_000,
        validators=[MinValueValidator(1), MaxValueValidator(PPM - 1)],
        help_text="Of market orders that name none; at most the price band.",
    )
    maker_fee_ppm = models.IntegerField(
        default=200,
        validators=[MinValueValidator(-PPM), MaxValueValidator(PPM)],
        help_text="Of traders without a fee tier; below zero a rebate.",
    )
    taker_fee_ppm = models.IntegerField(
        default=500, validators=[MinValueValidator(0), MaxValueValidator(PPM)]
    )
    liquidation_fee_ppm = models.IntegerField(
        default=5_000, validators=[MinValueValidator(0), MaxValueValidator(100_000)]
    )
    mark_clamp_ppm = models.IntegerField(
        default=50_000, validators=[MinValueValidator(1), MaxValueValidator(PPM - 1)]
    )
    circuit_breaker_ppm = models.IntegerField(
        default=200_000, validators=[MinValueValidator(0), MaxValueValidator(PPM)]
    )
    index_stale_ms = models.IntegerField(
        default=10_000, validators=[MinValueValidator(1_000), MaxValueValidator(3_600_000)]
    )
    funding_interval_ms = models.IntegerField(
        default=28_800_000, validators=[MinValueValidator(60_000), MaxValueValidator(86_400_000)]
    )
    funding_interest_ppm = models.IntegerField(
        default=100, validators=[MinValueValidator(0), MaxValueValidator(PPM)]
    )
    funding_cap_ppm = models.IntegerField(
        default=20_000, validators=[MinValueValidator(0), MaxValueValidator(PPM)]
    )
    impact_notional_units = models.BigIntegerField(
        default=10_000 * MONEY_UNITS_PER_CURRENCY,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_MONEY_UNITS)],
    )
    max_open_orders = models.IntegerField(
        "open orders per account", default=200, validators=[MinValueValidator(1)]
    )
    max_open_interest_lots = models.BigIntegerField(validators=[MinValueValidator(1)])
    price_quorum = models.IntegerField(
        "price sources needed",
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Of its healthy price sources; with fewer the index is stale.",
    )
    config_version = models.BigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # No column: price sources that are saved right after it, in the same transaction.
    sources_to_come = 0

    class Meta:
        ordering = ["id"]
        permissions = [
            ("change_market_state", "Can pause and resume markets"),
            ("settle_market", "Can settle markets for good"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(maker_fee_ppm__lte=F("taker_fee_ppm")),
                name="market_maker_fee_at_most_taker_fee",
            ),
            models.CheckConstraint(
                condition=Q(maker_fee_ppm__gte=-F("taker_fee_ppm")),
                name="market_rebate_at_most_taker_fee",
            ),
            models.CheckConstraint(
                condition=Q(min_size_lots__lte=F("max_size_lots")), name="market_sizes_in_order"
            ),
            models.CheckConstraint(
                condition=Q(max_slippage_ppm__gte=1) & Q(max_slippage_ppm__lte=F("price_band_ppm")),
                name="market_max_slippage_within_price_band",
            ),
            models.CheckConstraint(
                condition=Q(price_quorum__gte=1), name="market_price_quorum_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.id

    def clean(self) -> None:
        steps = (self.tick_size, self.lot_size)
        if not all(isinstance(step, Decimal) and step.is_finite() for step in steps):
            return  # already refused as no numbers
        units = _EXACT.multiply(_EXACT.multiply(*steps), Decimal(MONEY_UNITS_PER_CURRENCY))
        if units != int(units):
            raise ValidationError(
                {"lot_size": "Tick size × lot size must be a whole number of millionths."}
            )
        enabled = self.price_sources.filter(enabled=True).count()
        self.check_quorum(enabled + self.sources_to_come)
        before = Market.objects.filter(pk=self.pk).first()
        for field in ("tick_size", "lot_size"):
            if before and getattr(before, field) != getattr(self, field):
                raise ValidationError(
                    {field: "Orders and positions count in it: it stays as the market was made."}
                )

    def check_quorum(self, enabled_sources: int) -> None:
        """A quorum that could never be met is refused. 1 is taken with no source at all: a new
        market has none yet. Raises ValidationError.
        """
        if self.price_quorum > max(1, enabled_sources):
            verb = "is" if enabled_sources == 1 else "are"
            raise ValidationError(
                {
                    "price_quorum": f"The index price needs {self.price_quorum} healthy sources, "
                    f"but {enabled_sources} {verb} enabled: enable more, or need fewer."
                }
            )

    @property
    def units_per_tick_lot(self) -> int:
        """Money units of one lot at a price of one tick; whole, as `clean` checks."""
        return units_per_tick_lot(self.tick_size, self.lot_size)


class LeverageTier(models.Model):
    """From a position notional on: the leverage allowed and the maintenance margin asked.

    A market's first tier begins at 0. See `matching.messages.commands.LeverageTier`.
    """

    market = models.ForeignKey(
        Market, on_delete=models.CASCADE, related_name="tiers", db_index=False
    )
    floor_units = models.BigIntegerField(
        validators=[MinValueValidator(0), MaxValueValidator(MAX_MONEY_UNITS)]
    )
    max_leverage = models.IntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LEVERAGE)]
    )
    maintenance_ppm = models.IntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(PPM - 1)]
    )

    class Meta:
        ordering = ["market", "floor_units"]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "floor_units"], name="leverage_tier_once_per_floor"
            ),
            models.CheckConstraint(
                condition=LessThan(F("maintenance_ppm") * F("max_leverage"), Value(PPM)),
                name="leverage_tier_maintenance_below_initial_margin",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} {self.max_leverage}×"


class MarketStatus(models.Model):
    """Where a market's engine stood at the ledger's cursor. Prices are 0 until there is one.

    state_reason      who or what put it into its state
    premium_…         samples of the running funding interval, since ``funding_since_ms``
    funding_rate_ppb  of a whole interval, as the last settlement found it; funding_carry: what its
                      rounding left
    funding_is_split  the rules of funding changed within the interval; what the time before is
                      charged is ``funding_accrued_ppb``
    breaker_armed     a jump of the mark price halts the market
    insurance_units   the market's insurance fund, as its account's postings say
    """

    market = models.OneToOneField(
        Market, on_delete=models.PROTECT, primary_key=True, related_name="status"
    )
    state = models.CharField(
        max_length=16, choices=choices(MarketState), default=MarketState.PRE_OPEN
    )
    state_reason = models.CharField(
        max_length=24,
        choices=choices(StateReason),
        default=StateReason.OPERATOR,
        db_default=StateReason.OPERATOR,
    )
    applied_config_version = models.BigIntegerField(default=0)
    mark_price_ticks = models.BigIntegerField(default=0)
    index_price_ticks = models.BigIntegerField(default=0)
    last_price_ticks = models.BigIntegerField(default=0)
    mark_price_at = models.DateTimeField(null=True)
    index_ms = models.BigIntegerField(default=0, db_default=0)
    index_stale = models.BooleanField(default=False, db_default=False)
    premium_sum_ppb = models.BigIntegerField(default=0, db_default=0)
    premium_count = models.BigIntegerField(default=0, db_default=0)
    funding_rate_ppb = models.BigIntegerField(default=0, db_default=0)
    funding_carry = models.BigIntegerField(default=0, db_default=0)
    next_funding_ms = models.BigIntegerField(default=0, db_default=0)
    funding_since_ms = models.BigIntegerField(default=0, db_default=0)
    funding_is_split = models.BooleanField(default=False, db_default=False)
    funding_accrued_ppb = models.BigIntegerField(default=0, db_default=0)
    breaker_armed = models.BooleanField(default=True, db_default=True)
    insurance_units = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name_plural = "market status"

    def __str__(self) -> str:
        return self.market_id
