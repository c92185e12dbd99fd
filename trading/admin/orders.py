"""Orders: read-only, save that an operator may ask the engine to cancel."""

from collections.abc import Iterable, Mapping

from django.contrib import admin
from django.db.models import Max, Min, Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html

from accounts.display import user_column
from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin import NOTHING, when
from common.admin.actions import ask_then_run
from common.admin.base import (
    Cell,
    RecordAdmin,
    Table,
    badge,
    link,
    shown,
    table_of,
    time_column,
    words,
    yes_or_no_column,
)
from common.admin.filters import words_filter
from markets import conversions
from markets.columns import (
    market_column,
    money_column,
    rate_column,
)
from markets.display import average_price, money, percent, price, size
from markets.models import Market
from matching.messages.vocabulary import CancelReason, OrderStatus, RejectCode, Side, TriggerKind
from trading import services
from trading.admin.row_tables import (
    LIVE,
    fills_table,
    margin_words,
    order_part,
    order_price,
    orders_table,
    side_badge,
    status_badge,
)
from trading.archive.shown import fills_shown
from trading.archive.traders import of_order
from trading.models import Order, Position


def _progress(order: Order) -> Cell:
    """Filled of whole, in figures and as a bar."""
    percent = 100 * order.filled_lots // order.size_lots
    whole = order_part(order, order.size_lots)
    text = f"{size(order.filled_lots, order.market)} of {whole}"
    return format_html(
        '<progress max="100" value="{}" title="{} % filled"></progress> {}', percent, percent, text
    )


def reason_words(code: str) -> str:
    """A code that may break between its words."""
    return code.replace("_", " ").lower()


def _filled_of_size(order: Order) -> Cell:
    whole = order_part(order, order.size_lots)
    if order.is_of_whole_position:
        return whole
    filled = conversions.lots_text(order.filled_lots, order.market.lot_size)
    return f"{filled} of {whole}"


def _type(order: Order) -> str:
    condition = f"{order.trigger_kind} " if order.trigger_kind else ""
    return f"{condition}{order.order_type} {order.time_in_force}"


_FIRES = {
    (TriggerKind.STOP, Side.LONG): "rises to",
    (TriggerKind.STOP, Side.SHORT): "falls to",
    (TriggerKind.TAKE_PROFIT, Side.LONG): "falls to",
    (TriggerKind.TAKE_PROFIT, Side.SHORT): "rises to",
}


def _trigger(order: Order) -> Cell:
    """The condition in words: "when the mark price falls to 2,400.00 USD"."""
    if not order.trigger_kind:
        return NOTHING
    reference = f"the {str(order.trigger_by).lower()} price"
    at = price(order.trigger_price_ticks, order.market)
    if order.trigger_kind == TriggerKind.TRAILING_STOP:
        back = percent(order.trigger_callback_ppm)
        since = f" once it has reached {at}" if order.trigger_price_ticks else ""
        return f"when {reference} comes back {back} from its best{since}"
    fires = _FIRES[TriggerKind(order.trigger_kind), Side(order.side)]
    return f"when {reference} {fires} {at}"


def _pair(order: Order) -> Cell:
    """The other one of its pair."""
    return link(Order, order.other_id, f"order {order.other_id}") if order.other_id else NOTHING


def _shows(order: Order) -> Cell:
    return size(order.visible_lots, order.market) if order.visible_lots else "all"


def _triggered(order: Order) -> Cell:
    if not order.trigger_kind:
        return NOTHING
    if order.triggered_at:
        return when(order.triggered_at)
    return badge("waits", "warn") if order.status in LIVE else "never"


@admin.register(Order)
class OrderAdmin(RecordAdmin):
    list_display = (
        "id",
        "user_name",
        "market_link",
        "outcome",
        "asked",
        "price",
        "done",
        "created",
    )
    list_filter = (
        "status",
        "market",
        "side",
        "order_type",
        "time_in_force",
        "trigger_kind",
        "reduce_only",
        "close_position",
        words_filter("reason", {*CancelReason, *RejectCode}),
    )
    list_select_related = ("market", "user")
    walked_by = ("user__id__exact", "market__id__exact")
    search_ids = ("id",)
    search_texts = ("names__client_order_id",)
    search_users = ("user",)
    search_help_text = "Order id, client order id, or the beginning of a username."
    actions = ("cancel_selected",)
    fieldsets = (
        ("Where it stands", {"fields": ("status_word", "progress", "reason", "average", "held")}),
        (
            "What was asked",
            {
                "fields": (
                    ("user_name", "market_link"),
                    ("side_word", "type_word"),
                    ("price", "size"),
                    ("price_match", "shows"),
                    ("margin", "only_reduces", "closes_position"),
                    ("trigger", "triggered", "pair"),
                    ("maker_fee", "taker_fee"),
                    ("self_trade_prevention", "client_order_id"),
                    "expires",
                )
            },
        ),
        ("Money", {"fields": ("hold", "filled_cost")}),
        ("Time", {"fields": (("created", "updated"),)}),
    )

    described_by = (
        "user_name", "market_link", "side_word", "type_word", "size", "price", "done", "created",
    )  # fmt: skip

    user_name = user_column()
    market_link = market_column()
    side_word = shown("side", lambda order: side_badge(order.side))
    type_word = shown("type", _type)
    trigger = shown("condition", _trigger)
    pair = shown("cancelled by or with", _pair)
    shows = shown("shown at a time", _shows)
    triggered = shown("came true", _triggered)
    maker_fee = rate_column("maker_fee_ppm", "maker fee")
    taker_fee = rate_column("taker_fee_ppm", "taker fee")
    only_reduces = yes_or_no_column("reduce_only", "reduce-only")
    closes_position = yes_or_no_column("close_position", "closes the position")
    expires = time_column("expires_at", "expires")
    price = shown("price", order_price)
    size = shown("size", lambda order: order_part(order, order.size_lots))
    held = money_column("held_units", "held now")
    hold = money_column("hold_units", "held when placed")
    filled_cost = money_column("filled_cost_units", "value of its fills")
    outcome = shown(
        "status", lambda order: words(status_badge(order.status), reason_words(order.reason))
    )
    asked = shown("order", lambda order: words(side_badge(order.side), _type(order)))
    done = shown("filled", _filled_of_size)
    status_word = shown("status", lambda order: status_badge(order.status))
    progress = shown("filled", _progress)
    margin = shown("margin", margin_words)
    average = shown(
        "average price",
        lambda order: average_price(order.filled_cost_units, order.filled_lots, order.market),
    )
    created = time_column("created_at", "placed")
    updated = time_column("updated_at", "last change")

    def tables(self, obj: Order) -> Iterable[Table]:
        with fills_shown(of_order(obj)):
            life = _life(obj)
        yield life
        yield fills_table("Fills", obj.fills.all(), of_order(obj), f"order__id__exact={obj.pk}")
        positions = Position.objects.filter(user=obj.user_id, market=obj.market_id)
        yield Table(
            "Position it works on",
            Position,
            ("position", "last changed"),
            [(link(Position, p.pk, p), when(p.updated_at)) for p in positions],
            empty="None yet.",
        )

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Live orders have indexes of their own, by user and by market."""
        if asked.get("status__exact") not in set(LIVE):
            return super().walks(asked)
        owners = super().walks(asked)
        if owners == [Q()]:
            owners = [Q(market=market) for market in Market.objects.values_list("pk", flat=True)]
        return [owner & Q(status__in=LIVE) for owner in owners]

    def offers(self, action: str, obj: Order) -> bool:
        return action != "cancel_selected" or obj.status in LIVE

    def has_cancel_order_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.cancel_order")

    @admin.action(description="Cancel selected open orders", permissions=["cancel_order"])
    def cancel_selected(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset.filter(status__in=LIVE),
            action="cancel_selected",
            question="Cancel these orders?",
            consequence="The engine takes what remains of them out of the book and gives the hold "
            "back to the trader. Orders that ended meanwhile stay as they are.",
            service=lambda order: services.cancel_order_as_operator(order, by=operator_of(request)),
            done="asked the engine to cancel",
        )


def _life(order: Order) -> Table:
    """The order's story so far, from its row and the span of its fills."""
    market = order.market
    rows: list[tuple[Cell, Cell]] = [
        (when(order.created_at), f"placed, {money(order.hold_units)} held"),
    ]
    if order.status == OrderStatus.PENDING:
        rows.append((NOTHING, "waits for the engine"))
    if order.status == OrderStatus.ASLEEP:
        entry = link(Order, order.parent_id, f"order {order.parent_id}")
        rows.append((NOTHING, words("sleeps until its entry fills:", entry)))
    if order.status == OrderStatus.WAITING and order.triggered_at is None:
        rows.append((NOTHING, words("executes", _trigger(order))))
    if order.triggered_at:
        rows.append((when(order.triggered_at), words("came true:", _trigger(order))))
    span = order.fills.aggregate(first=Min("executed_at"), last=Max("executed_at"))
    if span["first"]:
        average = average_price(order.filled_cost_units, order.filled_lots, market)
        text = f"filled {size(order.filled_lots, market)} at {average} on average"
        first, last = when(span["first"]), when(span["last"])
        rows.append((first if first == last else f"{first} … {last}", text))
    if order.cancelled_lots:
        text = f"{order_part(order, order.cancelled_lots)} left the book without a fill"
        rows.append((when(order.updated_at), f"{text}: {order.reason or 'no reason given'}"))
    if order.status in LIVE:
        left = order_part(order, order.remaining_lots)
        text = f"{left} left, {money(order.held_units)} still held"
        rows.append(("now", text))
    else:
        text = words(status_badge(order.status), order.reason)
        rows.append((when(order.updated_at), text))
    return Table("Life", Order, ("time", "what happened"), rows)


@table_of(User)
def orders_of_user(user: User) -> Table:
    orders = Order.objects.filter(user=user)[:20]
    return orders_table("Latest orders", orders, f"user__id__exact={user.pk}")


@table_of(Market)
def orders_of_market(market: Market) -> Table:
    orders = Order.objects.filter(market=market, status__in=LIVE)[:20]
    query = f"market__id__exact={market.pk}&status__exact={OrderStatus.OPEN}"
    return orders_table("Newest live orders", orders, query)
