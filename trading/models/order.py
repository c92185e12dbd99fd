from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from common.choices import choices
from markets.models import Market
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    OrderStatus,
    OrderType,
    PriceMatch,
    Role,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)

# The engine may still do something with them.
LIVE_STATUSES = (
    OrderStatus.PENDING,
    OrderStatus.ASLEEP,
    OrderStatus.WAITING,
    OrderStatus.OPEN,
)


class Order(models.Model):
    """An order from the API. After insertion only `persistence` changes it.

    price_ticks        the limit; of a market order, its slippage limit, the worst price its hold
                       was made for; the same of one with a ``price_match`` until it is open
    visible_lots       the most the book shows of it at a time, 0 for all
    price_match        where in the book a limit order took its price from
    max_slippage_ppm   of an order without a price of its own: how far from the mark that is, when
                       it is placed or fires; 0 for none but the price band
    margin_units       what the trader named for the whole order, 0 where leverage decides
    hold_units         what placing the order moved from available to held
    held_units         what of that is still held: remaining lots × reserve per lot once open
    filled_cost_units  Σ price × size of its fills, as money: average price × filled size
    maker_fee_ppm      of the notional where it rests, as its trader's fees were; below 0 a rebate
    client_order_id    the name its trader gave it, which names no other: see `OrderName`
    terms_asked        as the trader sent them, where a client order id may bring them again
    close_position     its size is what the position is when it executes
    expires_at         when it is cancelled if it rests or waits then (GTD)
    parent             the entry that a take-profit or stop-loss is attached to; its size is then
                       what it covers of that, once it is awake
    other              the order that makes a pair with it, of which one cancels the other
    trigger_…          the condition of a conditional order, which holds nothing before
                       ``triggered_at``; see `matching.messages.commands.Trigger`

    Amending moves price, size and hold; what an amendment brings counts as held from its event on.
    An order that ended while the hold its trigger asked for was on its way still holds it, until
    the engine gives it back.
    """

    # References are checked per statement: see migrations/rules.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,
        db_constraint=False,
    )
    market = models.ForeignKey(
        Market,
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,
        db_constraint=False,
    )
    client_order_id = models.CharField(max_length=64, null=True, blank=True)
    side = models.CharField(max_length=5, choices=choices(Side))
    order_type = models.CharField(max_length=16, choices=choices(OrderType))
    time_in_force = models.CharField(max_length=3, choices=choices(TimeInForce))
    price_ticks = models.BigIntegerField()
    size_lots = models.BigIntegerField()
    price_match = models.CharField(
        max_length=10, choices=choices(PriceMatch), null=True, blank=True
    )
    visible_lots = models.BigIntegerField(default=0, db_default=0)
    max_slippage_ppm = models.IntegerField(default=0, db_default=0)
    margin_units = models.BigIntegerField()
    leverage = models.IntegerField()
    reduce_only = models.BooleanField()
    close_position = models.BooleanField(default=False, db_default=False)
    maker_fee_ppm = models.IntegerField(default=0, db_default=0)
    taker_fee_ppm = models.IntegerField(default=0, db_default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    trigger_kind = models.CharField(
        max_length=13, choices=choices(TriggerKind), null=True, blank=True
    )
    trigger_by = models.CharField(max_length=4, choices=choices(TriggerBy), null=True, blank=True)
    trigger_price_ticks = models.BigIntegerField(default=0, db_default=0)
    trigger_callback_ppm = models.IntegerField(default=0, db_default=0)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="attached",
        db_index=False,
        db_constraint=False,
    )
    other = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    triggered_at = models.DateTimeField(null=True, blank=True)
    self_trade_prevention = models.CharField(max_length=16, choices=choices(SelfTradePrevention))
    terms_asked = models.JSONField(null=True, blank=True)
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
        choices=choices(OrderStatus),
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
                condition=Q(status__in=LIVE_STATUSES)
                | Q(held_units=0)
                | Q(triggered_at__isnull=False),
                name="order_finished_holds_nothing",
            ),
            models.CheckConstraint(
                condition=Q(trigger_kind__isnull=True, trigger_by__isnull=True)
                | Q(trigger_kind__isnull=False, trigger_by__isnull=False),
                name="order_trigger_whole_or_none",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.WAITING) | Q(trigger_kind__isnull=False),
                name="order_waits_for_its_trigger",
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True)
                | Q(trigger_kind__isnull=False, reduce_only=True, close_position=False),
                name="order_attached_only_reduces",
            ),
            models.CheckConstraint(
                condition=Q(other__isnull=True) | Q(parent__isnull=True),
                name="order_of_a_pair_is_not_attached",
            ),
            models.CheckConstraint(
                condition=Q(maker_fee_ppm__lte=F("taker_fee_ppm")) & Q(taker_fee_ppm__gte=0),
                name="order_maker_fee_at_most_taker_fee",
            ),
        ]
        indexes = [
            # Ascending, as rows come: see `ledger.models.Posting`.
            models.Index(fields=["user", "id"], name="order_by_user"),
            models.Index(
                fields=["parent"], condition=Q(parent__isnull=False), name="order_of_parent"
            ),
            models.Index(fields=["user", "created_at", "id"], name="order_by_user_and_time"),
            models.Index(fields=["market", "id"], name="order_by_market"),
            models.Index(
                fields=["market", "id"],
                condition=Q(status__in=LIVE_STATUSES),
                name="order_live_of_market",
            ),
            models.Index(
                fields=["user", "-id"],
                condition=Q(status__in=LIVE_STATUSES),
                name="order_live_of_user",
            ),
            models.Index(
                fields=["user", "market"],
                condition=Q(reason=CancelReason.LIQUIDATION),
                name="order_cancelled_by_liquidation",
            ),
        ]

    def __str__(self) -> str:
        return f"Order {self.pk}"

    @property
    def remaining_lots(self) -> int:
        return self.size_lots - self.filled_lots - self.cancelled_lots

    @property
    def is_of_whole_position(self) -> bool:
        """What its size will be is not known before it fires; ``size_lots`` says nothing."""
        return self.close_position and self.triggered_at is None

    @property
    def shown_price_ticks(self) -> int:
        """The limit; of a market order, the worst price it may fill at. 0 where there is none: of a
        conditional market order none is known before it fires, and one that only reduces never has
        one; ``price_ticks`` is then out of any band's reach. Nor has one that is to get its price
        from the book, before it is there."""
        if self.price_match and self.status in (OrderStatus.PENDING, OrderStatus.REJECTED):
            return 0
        is_conditional_market = self.order_type == OrderType.MARKET and self.trigger_kind
        if is_conditional_market and (self.reduce_only or self.triggered_at is None):
            return 0
        return self.price_ticks


class OrderName(models.Model):
    """A client order id names one order of its trader, for ever: the key of orders by it, beside a
    table whose own keys have the id in them. Written by the statement that inserts the order, or by
    its trigger, and never changed: see migrations/rules/names."""

    pk = models.CompositePrimaryKey("client_order_id", "user")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="names", db_index=False, db_constraint=False
    )
    client_order_id = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        indexes = [
            # Names lie nearly in the order of their orders. Reconciliation alone asks this way.
            BrinIndex(
                fields=["order"], pages_per_range=32, autosummarize=True, name="order_name_by_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id} of user {self.user_id}"


class Fill(models.Model):
    """One side of a trade. A trade has two: its taker's and its maker's. In partitions by id, so
    that each market's trade has each side once is held by a trigger: see migrations/rules/fills.

    order            none where the engine closed the position by force: liquidation, deleveraging
    insurance_units  what went to the market's insurance fund, below zero what the fund paid
    """

    # References are checked per statement: see migrations/rules.
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="fills", db_index=False, db_constraint=False
    )
    trade_id = models.BigIntegerField(help_text="Gapless per market; both sides share it.")
    role = models.CharField(max_length=5, choices=choices(Role))
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, related_name="fills", db_constraint=False
    )
    execution = models.CharField(
        max_length=11,
        choices=choices(ExecutionType),
        default=ExecutionType.TRADE,
        db_default=ExecutionType.TRADE,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="fills",
        db_index=False,
        db_constraint=False,
    )
    side = models.CharField(max_length=5, choices=choices(Side))
    price_ticks = models.BigIntegerField()
    size_lots = models.BigIntegerField()
    fee_units = models.BigIntegerField(help_text="Paid by the trader; negative is a rebate.")
    realized_pnl_units = models.BigIntegerField(help_text="Before the fee.")
    insurance_units = models.BigIntegerField(default=0, db_default=0)
    seq = models.BigIntegerField("sequence", help_text="Of the engine's output entry.")
    executed_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(size_lots__gt=0) & Q(price_ticks__gt=0), name="fill_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["market", "trade_id"], name="fill_by_trade"),
            models.Index(fields=["user", "id"], name="fill_by_user"),
            models.Index(fields=["user", "executed_at", "id"], name="fill_by_user_and_time"),
            models.Index(
                fields=["market", "seq"],
                condition=~Q(execution=ExecutionType.TRADE),
                name="fill_forced_of_entry",
            ),
        ]

    def __str__(self) -> str:
        return f"Trade {self.trade_id} ({self.role})"


class LastTrade(models.Model):
    """Up to where a market's fills are there. Written as they are, by their trigger alone.

    leg              twice the newest trade's number, and one more once its maker's side is there
    fill_id          of its newest fill: the ids of a market's fills rise with its trades
    taker_fill_id    of the newest taker's side
    stretch_fill_id  the first of the newest `TradeStretch`; 0 for that before there were any
    """

    market = models.OneToOneField(
        Market, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    leg = models.BigIntegerField()
    fill_id = models.BigIntegerField()
    taker_fill_id = models.BigIntegerField()
    stretch_fill_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.market_id} up to trade {self.leg // 2}"


class TradeStretch(models.Model):
    """From a trade on, the ids of a market's fills are from this one on: a row for each million ids
    in which it trades. Says in which partitions fills of a trade, or of a time, are looked for."""

    pk = models.CompositePrimaryKey("market", "first_trade_id")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+", db_index=False)
    first_trade_id = models.BigIntegerField()
    first_fill_id = models.BigIntegerField()
    first_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.market_id} from trade {self.first_trade_id} on"
