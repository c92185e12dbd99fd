"""Algos and their slices. Units as in `trading.models`."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.choices import choices
from markets.models import Market
from matching.messages.vocabulary import Side, TimeInForce
from trading.models import Order


class AlgoKind(StrEnum):
    SCALED = "SCALED"
    TWAP = "TWAP"


class AlgoState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class AlgoEnding(StrEnum):
    """Why one ended, where no refusal of its slices says it.

    FILLED          all of it
    TIME_IS_UP      a TWAP has had its last slice, and something is left
    REST_TOO_SMALL  what is left of a TWAP is less than the market's smallest order
    SLICES_ENDED    the orders of a SCALED have ended, not all by filling
    USER, OPERATOR  who cancelled it
    """

    FILLED = "FILLED"
    TIME_IS_UP = "TIME_IS_UP"
    REST_TOO_SMALL = "REST_TOO_SMALL"
    SLICES_ENDED = "SLICES_ENDED"
    USER = "USER"
    OPERATOR = "OPERATOR"


class AlgoHappening(StrEnum):
    """What its trader is told of, by the name that the feeds give it."""

    STARTED = "AlgoStarted"
    SLICE_SENT = "AlgoSliceSent"
    SLICE_REFUSED = "AlgoSliceRefused"
    PAUSED = "AlgoPaused"
    RESUMED = "AlgoResumed"
    ENDED = "AlgoEnded"


LIVE_STATES = (AlgoState.RUNNING, AlgoState.PAUSED)


class Algo(models.Model):
    """What was asked for, and how far it has come.

    from_ticks … to_ticks  the prices of a SCALED's slices, evenly; 0 of a TWAP
    limit_ticks            the worst price a TWAP's slices may fill at; 0: market orders
    max_slippage_ppm       of those: how far from the mark; 0 where there is a limit
    margin_units           named for the whole of a SCALED, 0 where leverage decides
    slices_planned         how many slices the size was divided into
    interval_s             from one slice of a TWAP to the next
    slots_left             how many times it may still send; those that were missed are gone
    slices_sent            the number of the newest slice
    refusals               of a TWAP in a row, of a SCALED in all
    filled_…               of slices that are over; `selectors` adds those that are not
    next_at                when it is looked at next; none once nothing can change any more
    paused_at              since when; what is due later comes later by as long
    events_told            the number of its newest event
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="algos", db_index=False
    )
    market = models.ForeignKey(Market, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=choices(AlgoKind))
    client_algo_id = models.CharField(max_length=64, null=True, blank=True)
    terms_asked = models.JSONField()
    side = models.CharField(max_length=5, choices=choices(Side))
    size_lots = models.BigIntegerField()
    time_in_force = models.CharField(max_length=3, choices=choices(TimeInForce))
    from_ticks = models.BigIntegerField(default=0)
    to_ticks = models.BigIntegerField(default=0)
    limit_ticks = models.BigIntegerField(default=0)
    max_slippage_ppm = models.IntegerField(default=0)
    margin_units = models.BigIntegerField(default=0)
    leverage = models.IntegerField()
    reduce_only = models.BooleanField()
    slices_planned = models.IntegerField()
    interval_s = models.IntegerField(default=0)
    slots_left = models.IntegerField()
    slices_sent = models.IntegerField(default=0)
    refusals = models.IntegerField(default=0)
    events_told = models.IntegerField(default=0, db_default=0)
    filled_lots = models.BigIntegerField(default=0)
    filled_cost_units = models.BigIntegerField(default=0)
    state = models.CharField(
        max_length=9, choices=choices(AlgoState), default=AlgoState.RUNNING.value
    )
    reason = models.CharField(max_length=32, blank=True, default="")
    reason_words = models.TextField(blank=True, default="")
    next_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("stop_algo", "Can pause and cancel algos of traders")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "client_algo_id"],
                condition=Q(client_algo_id__isnull=False),
                name="algo_client_algo_id_once_per_user",
            ),
            models.CheckConstraint(
                condition=Q(size_lots__gt=0, slices_planned__gt=0, slots_left__gte=0),
                name="algo_positive",
            ),
            models.CheckConstraint(
                condition=Q(state__in=LIVE_STATES, ended_at__isnull=True)
                | (~Q(state__in=LIVE_STATES) & Q(ended_at__isnull=False)),
                name="algo_ended_when_not_live",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="algo_of_user"),
            models.Index(
                fields=["user"], condition=Q(state__in=LIVE_STATES), name="algo_live_of_user"
            ),
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="algo_due"),
        ]

    def __str__(self) -> str:
        return f"Algo {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES


class AlgoSlice(models.Model):
    """One order of an algo, or the refusal in its place. ``is_over``: nothing can become of it any
    more, and the algo's own figures have it."""

    algo = models.ForeignKey(Algo, models.PROTECT, related_name="slices", db_index=False)
    number = models.IntegerField()
    size_lots = models.BigIntegerField()
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    code = models.CharField(max_length=32, blank=True, default="")
    words = models.TextField(blank=True, default="")
    is_over = models.BooleanField(default=False)
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["-number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["algo", "number"], name="algo_slice_once"),
            models.CheckConstraint(
                condition=Q(order__isnull=False, code="")
                | (Q(order__isnull=True, is_over=True) & ~Q(code="")),
                name="algo_slice_placed_or_refused",
            ),
        ]
        indexes = [
            models.Index(fields=["algo"], condition=Q(is_over=False), name="algo_slice_not_over"),
            models.Index(
                fields=["order"], condition=Q(order__isnull=False), name="algo_slice_of_order"
            ),
        ]

    def __str__(self) -> str:
        return f"Slice {self.number} of algo {self.algo_id}"


class AlgoEvent(models.Model):
    """What the feeds tell its trader, written in the transaction in which it happened.

    number       1, 2, 3 … of its algo, without a gap: the algo's row is locked meanwhile
    state, code  the algo's right after it, and why it ended, or a slice was refused
    recorded_at  by Postgres' clock, as those who read what is new go by it
    """

    algo = models.ForeignKey(Algo, models.PROTECT, related_name="events", db_index=False)
    number = models.IntegerField()
    happening = models.CharField(max_length=16, choices=choices(AlgoHappening))
    state = models.CharField(max_length=9, choices=choices(AlgoState))
    slice_number = models.IntegerField(null=True)
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    code = models.CharField(max_length=32, blank=True, default="")
    words = models.TextField(blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["algo", "number"], name="algo_event_once"),
        ]
        indexes = [models.Index(fields=["recorded_at"], name="algo_event_recorded")]

    def __str__(self) -> str:
        return f"Event {self.number} of algo {self.algo_id}"
