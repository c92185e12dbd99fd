"""Positions: what they cost, what they are worth at the mark, and what that makes."""

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.display import user_column
from accounts.models import User
from common.admin import NOTHING
from common.admin.base import (
    TABLE_ROWS_MAX,
    Cell,
    RecordAdmin,
    Table,
    link,
    shown,
    table_of,
    time_column,
)
from common.admin.changes import AnyModelAdmin
from markets.columns import gain_column, market_column, money_column
from markets.display import average_price, gain_or_loss, money, percent, price, signed_money
from markets.rules import market_rules
from trading.admin.row_tables import LIVE, fills_table, orders_table, position_size
from trading.archive.traders import of_position
from trading.models import Fill, Order, Position
from trading.positions.figures import (
    PositionFigures,
    liquidation_price_ticks,
    position_figures,
    unrealized_pnl_units,
    value_units,
)
from trading.selectors import leverages_set


def _value(position: Position) -> Cell:
    market = position.market
    mark_ticks = market.status.mark_price_ticks
    return signed_money(value_units(position.position_lots, market.units_per_tick_lot, mark_ticks))


def _entry_price(position: Position) -> Cell:
    return average_price(position.entry_cost_units, position.position_lots, position.market)


def _unrealized_pnl(position: Position) -> Cell:
    market = position.market
    lots, mark_ticks = position.position_lots, market.status.mark_price_ticks
    if not lots or not mark_ticks:
        return NOTHING
    cost, scale = position.entry_cost_units, market.units_per_tick_lot
    return gain_or_loss(unrealized_pnl_units(lots, cost, scale, mark_ticks))


def _figures(position: Position) -> PositionFigures | None:
    leverage_set = leverages_set(position.user_id).get(position.market_id)
    mark_ticks = position.market.status.mark_price_ticks
    return position_figures(position, market_rules(position.market_id), mark_ticks, leverage_set)


def _leverage(position: Position) -> Cell:
    figures = _figures(position)
    return f"{figures.leverage}×" if figures and figures.leverage else NOTHING


def _initial_margin(position: Position) -> Cell:
    figures = _figures(position)
    return money(figures.initial_margin_units) if figures else NOTHING


def _removable_margin(position: Position) -> Cell:
    figures = _figures(position)
    return money(figures.removable_margin_units) if figures else NOTHING


def _margin_ratio(position: Position) -> Cell:
    figures = _figures(position)
    if figures is None or figures.margin_ratio_ppm is None:
        return NOTHING
    return percent(figures.margin_ratio_ppm)


def _liquidation_price(position: Position) -> Cell:
    ticks = liquidation_price_ticks(position, market_rules(position.market_id))
    return price(ticks, position.market)


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes them
        model_admin: AnyModelAdmin,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        return [("open", "open"), ("flat", "flat")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Position],
    ) -> QuerySet[Position]:
        if self.value() == "open":
            return queryset.exclude(position_lots=0)
        return queryset.filter(position_lots=0) if self.value() == "flat" else queryset


@admin.register(Position)
class PositionAdmin(RecordAdmin):
    list_display = (
        "id",
        "user_name",
        "market_link",
        "size",
        "entry_price",
        "mark_price",
        "unrealized_pnl",
        "margin",
        "realized_pnl",
        "updated",
    )
    list_filter = ("market", OpenFilter)
    list_select_related = ("user", "market__status")
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Position id, or the beginning of a username."
    fieldsets = (
        ("Position", {"fields": (("user_name", "market_link"), "size")}),
        (
            "Worth",
            {
                "fields": (
                    ("entry_price", "entry_cost"),
                    ("mark_price", "value"),
                    "unrealized_pnl",
                )
            },
        ),
        (
            "Margin",
            {
                "fields": (
                    ("margin", "leverage_at_mark", "leverage_of_orders"),
                    ("initial_margin", "removable_margin"),
                    ("margin_ratio", "liquidation_price"),
                )
            },
        ),
        ("History", {"fields": ("realized_pnl", ("seq", "updated"))}),
    )

    user_name = user_column()
    market_link = market_column()
    size = shown("size", position_size)
    entry_price = shown("entry price", _entry_price)
    entry_cost = shown("entry cost", lambda position: signed_money(position.entry_cost_units))
    mark_price = shown(
        "mark price",
        lambda position: price(position.market.status.mark_price_ticks, position.market),
    )
    value = shown("value at the mark", _value)
    unrealized_pnl = shown("unrealised PnL", _unrealized_pnl)
    margin = money_column("margin_units", "margin")
    leverage_at_mark = shown("leverage at the mark", _leverage)
    leverage_of_orders = shown(
        "highest leverage of its orders",
        lambda position: f"{position.leverage}×" if position.leverage else NOTHING,
    )
    initial_margin = shown("initial margin", _initial_margin)
    removable_margin = shown("removable margin", _removable_margin)
    margin_ratio = shown("margin ratio", _margin_ratio)
    liquidation_price = shown("liquidation price", _liquidation_price)
    realized_pnl = gain_column("realized_pnl_units", "realised PnL")
    updated = time_column("updated_at", "last change")

    def tables(self, obj: Position) -> Iterable[Table]:
        query = f"user__id__exact={obj.user_id}&market__id__exact={obj.market_id}"
        of_both = {"user": obj.user_id, "market": obj.market_id}
        live = Order.objects.filter(**of_both, status__in=LIVE)
        yield orders_table("Live orders", live, query)
        newest = of_position(obj.user_id, obj.market_id, TABLE_ROWS_MAX)
        yield fills_table("Latest fills", Fill.objects.filter(**of_both), newest, query)


@table_of(User)
def positions_of_user(user: User) -> Table:
    positions = Position.objects.filter(user=user).select_related("market__status")
    return Table(
        "Positions",
        Position,
        ("position", "size", "entry price", "unrealised PnL", "margin"),
        [_position_cells(position) for position in positions[:TABLE_ROWS_MAX]],
        empty="No positions.",
    )


def _position_cells(position: Position) -> tuple[Cell, ...]:
    return (
        link(Position, position.pk, position.market_id),
        position_size(position),
        _entry_price(position),
        _unrealized_pnl(position),
        money(position.margin_units),
    )
