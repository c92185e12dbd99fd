"""Positions, and what happened to them other than by their owner's orders."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from markets.models import Market


class Position(models.Model):
    """What a trader holds in a market. A flat position keeps its row, with zeros.

    entry_cost_units    signed: what a long paid, minus what a short received
    margin_units        isolated margin of this position
    leverage            highest of the orders that opened it or added to it, 0 when flat: margin can
                        be taken out down to initial margin at it. A margin named for an order
                        counts as the next whole leverage
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
    leverage = models.IntegerField(default=0, db_default=0)
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
                fields=["market", "position_lots"],
                condition=~Q(position_lots=0),
                name="position_open_by_size",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} of {self.user}"


class Liquidation(models.Model):
    """One attempt to bring a position back above maintenance, with all it was judged by.

    The fields are those of `matching.messages.events.PositionLiquidated`; ``ordinal`` counts the
    attempts within one entry.
    """

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="liquidations", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="liquidations",
        db_index=False,
    )
    seq = models.BigIntegerField("sequence", help_text="Of the engine's output entry.")
    ordinal = models.IntegerField()
    liquidated_at = models.DateTimeField()
    mark_price_ticks = models.BigIntegerField()
    position_lots = models.BigIntegerField(help_text="Before the attempt.")
    entry_cost_units = models.BigIntegerField(help_text="Before the attempt.")
    margin_units = models.BigIntegerField(help_text="Before the attempt.")
    equity_units = models.BigIntegerField()
    maintenance_units = models.BigIntegerField()
    fee_reserve_units = models.BigIntegerField()
    limit_ticks = models.BigIntegerField(help_text="Of the order sent to the book.")
    cancelled_orders = models.IntegerField()
    filled_lots = models.BigIntegerField(help_text="Closed in the book.")
    deleveraged_lots = models.BigIntegerField(help_text="Closed against other positions.")
    fee_units = models.BigIntegerField(help_text="Paid to the insurance fund.")
    insurance_paid_units = models.BigIntegerField(help_text="Paid by the insurance fund.")
    left_lots = models.BigIntegerField(help_text="Still open.")
    returned_units = models.BigIntegerField(help_text="Margin that went back to the trader.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "seq", "ordinal"], name="liquidation_once_per_entry_and_ordinal"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="liquidation_of_user"),
            models.Index(fields=["market", "-id"], name="liquidation_of_market"),
            models.Index(fields=["market", "liquidated_at"], name="liquidation_in_time"),
        ]

    def __str__(self) -> str:
        return f"Liquidation {self.pk}"


class FundingSettlement(models.Model):
    """Longs paid shorts (a rate above zero) or shorts longs, at one funding time of a market."""

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="funding_settlements", db_index=False
    )
    seq = models.BigIntegerField("sequence", help_text="Of the engine's output entry.")
    funding_time = models.DateTimeField(help_text="The end of the interval.")
    settled_at = models.DateTimeField()
    rate_ppb = models.BigIntegerField(help_text="Of the position's value, in billionths.")
    mark_price_ticks = models.BigIntegerField()
    per_lot_units = models.BigIntegerField(help_text="What a long paid per lot.")
    carry = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Left by rounding for the next settlement: billionths of a unit per lot.",
    )
    paid_units = models.BigIntegerField(help_text="Sum of what was paid, which was also received.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "seq"], name="funding_settlement_once_per_entry"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} funding at {self.funding_time:%Y-%m-%d %H:%M:%S}"


class FundingPayment(models.Model):
    """What one position got (> 0) or paid (< 0) in a settlement.

    from_profit_units   unrealised profit that was realised for it, where the margin was too small
    """

    settlement = models.ForeignKey(
        FundingSettlement, on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="funding_payments",
        db_index=False,
    )
    position_lots = models.BigIntegerField(help_text="Long above zero, short below.")
    amount_units = models.BigIntegerField()
    from_profit_units = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["settlement", "user"], name="funding_payment_once_per_settlement"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="funding_payment_of_user"),
            models.Index(fields=["settlement", "-id"], name="funding_payment_of_settlement"),
        ]

    def __str__(self) -> str:
        return f"Funding payment {self.pk}"


class Settlement(models.Model):
    """A position closed for good at its market's settlement price."""

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="settlements", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="settlements"
    )
    seq = models.BigIntegerField("sequence", help_text="Of the engine's output entry.")
    settled_at = models.DateTimeField()
    price_ticks = models.BigIntegerField()
    position_lots = models.BigIntegerField(help_text="Before; long above zero, short below.")
    realized_pnl_units = models.BigIntegerField()
    insurance_units = models.BigIntegerField(help_text="To the fund; below zero from it.")
    returned_units = models.BigIntegerField(help_text="What went to the trader's wallet.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "user"], name="settlement_once_per_user_and_market"
            ),
        ]

    def __str__(self) -> str:
        return f"Settlement {self.pk}"
