"""Rows of trading. Markets are edited by operators and orders inserted by the API; everything the
engine decides (order progress, fills, positions, market status) is written by `ledger` alone.

Units as in `matching.messages`: ticks, lots, money in millionths.
"""

from decimal import Decimal
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from matching.messages.limits import MAX_LEVERAGE, MONEY_UNITS_PER_CURRENCY, PPM
from matching.messages.vocabulary import (
    MarketState,
    OrderStatus,
    OrderType,
    Role,
    SelfTradePrevention,
    Side,
    TimeInForce,
)


def _choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class Market(models.Model):
    """The rules of a market, as the operator set them. Saving one sends them to its engine."""

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
    maker_fee_ppm = models.IntegerField(
        default=200, validators=[MinValueValidator(0), MaxValueValidator(PPM)]
    )
    taker_fee_ppm = models.IntegerField(
        default=500, validators=[MinValueValidator(0), MaxValueValidator(PPM)]
    )
    max_leverage = models.IntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(MAX_LEVERAGE)]
    )
    max_open_orders = models.IntegerField(
        "open orders per account", default=200, validators=[MinValueValidator(1)]
    )
    max_open_interest_lots = models.BigIntegerField(validators=[MinValueValidator(1)])
    config_version = models.BigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        permissions = [("change_market_state", "Can pause and resume markets")]
        constraints = [
            models.CheckConstraint(
                condition=Q(maker_fee_ppm__lte=F("taker_fee_ppm")),
                name="market_maker_fee_at_most_taker_fee",
            ),
            models.CheckConstraint(
                condition=Q(min_size_lots__lte=F("max_size_lots")), name="market_sizes_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.id

    def clean(self) -> None:
        if not isinstance(self.tick_size, Decimal) or not isinstance(self.lot_size, Decimal):
            return  # already refused as no numbers
        units = self.tick_size * self.lot_size * MONEY_UNITS_PER_CURRENCY
        if units != int(units):
            raise ValidationError(
                {"lot_size": "Tick size × lot size must be a whole number of millionths."}
            )
        before = Market.objects.filter(pk=self.pk).first()
        for field in ("tick_size", "lot_size"):
            if before and getattr(before, field) != getattr(self, field):
                raise ValidationError(
                    {field: "Orders and positions count in it: it stays as the market was made."}
                )

    @property
    def units_per_tick_lot(self) -> int:
        """Money units of one lot at a price of one tick; whole, as `clean` checks."""
        return int(self.tick_size * self.lot_size * MONEY_UNITS_PER_CURRENCY)


class MarketStatus(models.Model):
    """Where a market's engine stood at the ledger's cursor. Prices are 0 until there is one."""

    market = models.OneToOneField(
        Market, on_delete=models.PROTECT, primary_key=True, related_name="status"
    )
    state = models.CharField(
        max_length=16, choices=_choices(MarketState), default=MarketState.PRE_OPEN
    )
    applied_config_version = models.BigIntegerField(default=0)
    mark_price_ticks = models.BigIntegerField(default=0)
    index_price_ticks = models.BigIntegerField(default=0)
    last_price_ticks = models.BigIntegerField(default=0)
    mark_price_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "market status"

    def __str__(self) -> str:
        return self.market_id


class Order(models.Model):
    """An order from the API. After insertion only `ledger` changes it.

    price_ticks        the limit; of a market order, the worst price its hold was made for
    margin_units       what the trader named for the whole order, 0 where leverage decides
    hold_units         what placing the order moved from available to held
    held_units         what of that is still held: remaining lots × reserve per lot once open
    filled_cost_units  Σ price × size of its fills, as money: average price × filled size
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    client_order_id = models.CharField(max_length=64, null=True, blank=True)
    side = models.CharField(max_length=5, choices=_choices(Side))
    order_type = models.CharField(max_length=16, choices=_choices(OrderType))
    time_in_force = models.CharField(max_length=3, choices=_choices(TimeInForce))
    price_ticks = models.BigIntegerField()
    size_lots = models.BigIntegerField()
    margin_units = models.BigIntegerField()
    leverage = models.IntegerField()
    reduce_only = models.BooleanField()
    self_trade_prevention = models.CharField(max_length=16, choices=_choices(SelfTradePrevention))
    hold_units = models.BigIntegerField()
    held_units = models.BigIntegerField()
    filled_lots = models.BigIntegerField(default=0, db_default=0)
    cancelled_lots = models.BigIntegerField(default=0, db_default=0)
    filled_cost_units = models.BigIntegerField(default=0, db_default=0)
    arrival = models.BigIntegerField(
        default=0, db_default=0, help_text="Its place in the queue of its price: smaller is first."
    )
    status = models.CharField(
        max_length=9,
        choices=_choices(OrderStatus),
        default=OrderStatus.PENDING,
        db_default=OrderStatus.PENDING,
    )
    reason = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="Why the order was rejected, cancelled or expired.",
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        permissions = [("cancel_order", "Can cancel orders of traders")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "client_order_id"],
                condition=Q(client_order_id__isnull=False),
                name="order_client_order_id_once_per_user",
            ),
            models.CheckConstraint(
                condition=Q(size_lots__gt=0) & Q(price_ticks__gt=0), name="order_positive"
            ),
            models.CheckConstraint(
                condition=Q(held_units__gte=0) & Q(held_units__lte=F("hold_units")),
                name="order_held_within_hold",
            ),
            models.CheckConstraint(
                condition=Q(filled_lots__gte=0)
                & Q(cancelled_lots__gte=0)
                & Q(filled_lots__lte=F("size_lots") - F("cancelled_lots")),
                name="order_lots_add_up",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[OrderStatus.PENDING, OrderStatus.OPEN]) | Q(held_units=0),
                name="order_finished_holds_nothing",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="order_of_user"),
            models.Index(fields=["market", "-id"], name="order_of_market"),
            models.Index(
                fields=["market", "id"],
                condition=Q(status__in=[OrderStatus.PENDING, OrderStatus.OPEN]),
                name="order_live_of_market",
            ),
        ]

    def __str__(self) -> str:
        return f"Order {self.pk}"

    @property
    def remaining_lots(self) -> int:
        return self.size_lots - self.filled_lots - self.cancelled_lots


class Fill(models.Model):
    """One side of a trade. A trade has two: its taker's and its maker's."""

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="fills", db_index=False
    )
    trade_id = models.BigIntegerField(help_text="Gapless per market; both sides share it.")
    role = models.CharField(max_length=5, choices=_choices(Role))
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="fills", db_index=False
    )
    side = models.CharField(max_length=5, choices=_choices(Side))
    price_ticks = models.BigIntegerField()
    size_lots = models.BigIntegerField()
    fee_units = models.BigIntegerField(help_text="Paid by the trader; negative is a rebate.")
    realized_pnl_units = models.BigIntegerField(help_text="Before the fee.")
    seq = models.BigIntegerField("sequence", help_text="Of the engine's output entry.")
    executed_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "trade_id", "role"], name="fill_once_per_trade_and_role"
            ),
            models.CheckConstraint(
                condition=Q(size_lots__gt=0) & Q(price_ticks__gt=0), name="fill_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="fill_of_user"),
        ]

    def __str__(self) -> str:
        return f"Trade {self.trade_id} ({self.role})"


class Position(models.Model):
    """What a trader holds in a market. A flat position keeps its row, with zeros.

    entry_cost_units    signed: what a long paid, minus what a short received
    margin_units        isolated margin of this position
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions", db_index=False
    )
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="positions", db_index=False
    )
    position_lots = models.BigIntegerField(help_text="Long above zero, short below.")
    entry_cost_units = models.BigIntegerField()
    margin_units = models.BigIntegerField()
    realized_pnl_units = models.BigIntegerField(default=0, db_default=0)
    seq = models.BigIntegerField("sequence", help_text="Of the last entry that changed it.")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-updated_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "market"], name="position_once_per_user_and_market"
            ),
            models.CheckConstraint(
                condition=Q(margin_units__gte=0), name="position_margin_not_negative"
            ),
            models.CheckConstraint(
                condition=~Q(position_lots=0) | (Q(margin_units=0) & Q(entry_cost_units=0)),
                name="position_flat_has_no_margin_and_no_cost",
            ),
        ]
        indexes = [
            models.Index(
                fields=["market"], condition=~Q(position_lots=0), name="position_open_of_market"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} of user {self.user_id}"


class OutboxCommand(models.Model):
    """A command other than PlaceOrder that was promised to its sender (orders are their own
    outbox). It commits with whatever it goes with, is published after the commit, and is sent again
    until `ledger` sees its ``command_id`` in the output and marks it applied.
    """

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="commands", db_index=False
    )
    command_type = models.CharField(max_length=32)
    payload = models.JSONField(help_text="The command, without its command_id.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="commands"
    )
    # Postgres' clock, as for orders: sending again goes by both.
    created_at = models.DateTimeField(db_default=Now())
    applied_seq = models.BigIntegerField("applied at sequence", null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["market", "id"],
                condition=Q(applied_seq__isnull=True),
                name="outbox_not_applied",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.command_type} {self.pk}"
