"""What a position was from flat to flat, rolled up while its fills are recorded."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q

from common.choices import choices
from markets.models import Market
from matching.messages.vocabulary import Side


class LifeEnding(StrEnum):
    """How the last lot went: by an order of the trader's, or by force."""

    CLOSED = "CLOSED"
    FLIPPED = "FLIPPED"  # by an order that went on to open the other side
    LIQUIDATED = "LIQUIDATED"
    ADL = "ADL"
    SETTLED = "SETTLED"


class PositionLife(models.Model):
    """A position from the fill that opened it until it is flat, or on the other side, again.

    At most one of a trader in a market is open. Every fill, settlement and funding payment is in
    just one life, but for a fill that flips: its closing lots end one life and the rest begins the
    next, and its fee goes to both by lots, rounded down for the one that ends. Sums without a bound
    that a bigint could be trusted with are numeric.

    entry_units, exit_units  Σ price × size of the lots that opened and that closed, as money
    realized_pnl_units       of its closings, before fees, and of profit that paid for funding
    insurance_units          of its losses, what the insurance fund paid
    loss_share_units         what it paid for losses of others that nobody else could
    funding_units            received; below zero paid
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="position_lives",
        db_index=False,
    )
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="position_lives", db_index=False
    )
    side = models.CharField(max_length=5, choices=choices(Side))
    opened_seq = models.BigIntegerField("opened at sequence")
    opened_at = models.DateTimeField()
    closed_seq = models.BigIntegerField("closed at sequence", null=True)
    closed_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=choices(LifeEnding), blank=True, default="")
    max_lots = models.BigIntegerField()
    entry_lots = models.DecimalField(max_digits=40, decimal_places=0)
    entry_units = models.DecimalField(max_digits=40, decimal_places=0)
    exit_lots = models.DecimalField(max_digits=40, decimal_places=0)
    exit_units = models.DecimalField(max_digits=40, decimal_places=0)
    realized_pnl_units = models.BigIntegerField()
    fee_units = models.BigIntegerField()
    liquidation_fee_units = models.BigIntegerField()
    insurance_units = models.BigIntegerField()
    loss_share_units = models.BigIntegerField()
    funding_units = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "position lives"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "market"],
                condition=Q(closed_at__isnull=True),
                name="position_life_open_once",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_seq__isnull=True, ending="")
                | (Q(closed_at__isnull=False, closed_seq__isnull=False) & ~Q(ending="")),
                name="position_life_ended_whole_or_not",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="position_life_of_user"),
            models.Index(
                fields=["user", "-closed_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="position_life_closed_of_user",
            ),
        ]

    def __str__(self) -> str:
        since = f"{self.opened_at:%Y-%m-%d %H:%M:%S}"
        return f"{self.side} of {self.user} in {self.market_id} since {since}"
