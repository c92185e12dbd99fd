from decimal import Decimal
from enum import StrEnum

from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q

from common.choices import choices
from markets.models import Market


class PriceSourceKind(StrEnum):
    """Where a source's prices come from: made up, or a venue that ccxt can ask."""

    SYNTHETIC = "synthetic"
    CCXT = "ccxt"


class PriceSource(models.Model):
    """One of the sources a market's index price is made of; see `prices.index`.

    venue    ccxt's id of the exchange, as in kraken
    symbol   ccxt's symbol there, as in BTC/USD or BTC/USDT:USDT
    api_url  takes the place of scheme and host of the venue's own addresses; empty for those
    home_price  of a made-up price: where it begins and what it comes back to; None: as the price
                process was told
    """

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="price_sources")
    kind = models.CharField(max_length=16, choices=choices(PriceSourceKind))
    venue = models.CharField(max_length=32, blank=True)
    symbol = models.CharField(max_length=64, blank=True)
    weight = models.IntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(1_000)]
    )
    enabled = models.BooleanField(default=True)
    api_url = models.CharField(
        "API address",
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
    )
    home_price = models.DecimalField(
        max_digits=20,
        decimal_places=10,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("1e-10"))],
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["market", "id"]
        permissions = [("check_pricesource", "Can ask price sources for a price")]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "kind", "venue", "symbol"],
                name="price_source_once_per_market",
                violation_error_message="The market has this source already.",
            ),
            models.CheckConstraint(condition=Q(weight__gte=1), name="price_source_weight_positive"),
            models.CheckConstraint(
                condition=Q(kind=PriceSourceKind.SYNTHETIC.value, venue="", symbol="")
                | (Q(kind=PriceSourceKind.CCXT.value) & ~Q(venue="") & ~Q(symbol="")),
                name="price_source_of_a_venue_names_it",
                violation_error_message="A ccxt source needs a venue and a symbol; a synthetic one "
                "has neither.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} {self.name}"

    @property
    def name(self) -> str:
        """Which source of its market."""
        return f"{self.venue} {self.symbol}" if self.venue else self.kind
