"""Fills: read-only. The list has those of the table, the page also one that lies in a file."""

from contextlib import AbstractContextManager

from django.contrib import admin

from accounts.display import user_column, user_link
from common.admin import NOTHING
from common.admin.base import (
    Cell,
    link,
    list_way_of,
    shown,
    time_column,
    words,
)
from ledger.admin.archived import ArchivedRecordAdmin, where_older_are
from markets.columns import gain_column, market_column, money_column, price_column, size_column
from markets.display import money, price
from trading.admin.row_tables import (
    counterparts,
    execution_badge,
    order_of,
    other_key,
    side_badge,
)
from trading.archive.picking import of_keys
from trading.archive.rows import FILLS
from trading.archive.shown import fills_shown
from trading.models import Fill, Order


@admin.register(Fill)
class FillAdmin(ArchivedRecordAdmin):
    list_display = (
        "id",
        "trade_id",
        "market_link",
        "user_name",
        "order_link",
        "side_word",
        "role",
        "execution_word",
        "price",
        "size",
        "fee",
        "realized_pnl",
        "executed",
    )
    list_filter = ("market", "execution", "side", "role")
    list_select_related = ("market", "user")
    walked_by = ("user__id__exact", "order__id__exact")
    linked_by = ("seq", "trade_id", "execution__in")
    search_ids = ("id", "order_id", "trade_id")
    search_texts = ("order__names__client_order_id",)
    search_users = ("user",)
    search_help_text = "Fill, order or trade id, client order id, or the beginning of a username."
    fieldsets = (
        (
            "Trade",
            {
                "fields": (
                    ("market_link", "trade_id"),
                    ("price", "size"),
                    "value",
                    ("seq", "executed"),
                )
            },
        ),
        (
            "This side",
            {
                "fields": (
                    ("user_name", "order_link"),
                    ("side_word", "role"),
                    ("fee", "realized_pnl"),
                    ("execution_word", "insurance"),
                )
            },
        ),
        ("Other side", {"fields": ("counterpart",)}),
    )

    market_link = market_column()
    user_name = user_column()
    order_link = shown("order", lambda fill: link(Order, fill.order_id))
    side_word = shown("side", lambda fill: side_badge(fill.side))
    price = price_column("price_ticks", "price")
    size = size_column("size_lots", "size")
    fee = money_column("fee_units", "fee")
    execution_word = shown("execution", lambda fill: execution_badge(fill.execution))
    insurance = gain_column("insurance_units", "to the insurance fund")
    realized_pnl = gain_column("realized_pnl_units", "realised PnL")
    value = shown(
        "value",
        lambda fill: money(fill.market.units_per_tick_lot * fill.price_ticks * fill.size_lots),
    )
    executed = time_column("executed_at", "time")

    @admin.display(description="fill", empty_value=NOTHING)
    def counterpart(self, fill: Fill) -> Cell | None:
        other = counterparts([fill]).get(other_key(fill))
        if other is None:
            return None
        parts = (link(Fill, other.pk, other), *order_of(other), user_link(other.user))
        return words(*parts, side_badge(other.side), price(other.price_ticks, fill.market))

    def row_shown(self, key: int) -> AbstractContextManager[None]:
        return fills_shown(of_keys([key]))


list_way_of(Fill, where_older_are(FILLS, "Fills", "orders, positions and liquidations"))
