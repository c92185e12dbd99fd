"""What positions were from flat to flat."""

from django.contrib import admin

from accounts.display import user_column
from common.admin.base import RecordAdmin, badge, shown, time_column
from common.admin.filters import words_filter
from markets.columns import gain_column, market_column, money_column, size_column
from markets.display import average_price, size
from trading.admin.row_tables import side_badge
from trading.models import LifeEnding, PositionLife


@admin.register(PositionLife)
class PositionLifeAdmin(RecordAdmin):
    list_display = (
        "id",
        "user_name",
        "market_link",
        "way",
        "most",
        "how",
        "realized_pnl",
        "funding",
        "opened",
        "closed",
    )
    list_filter = ("market", "side", words_filter("ending", LifeEnding))
    list_select_related = ("market", "user")
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Id, or the beginning of a username."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("user_name", "market_link"),
                    ("way", "how"),
                    ("most", "through"),
                    ("entry_price", "exit_price"),
                    ("realized_pnl", "funding"),
                    ("fee", "liquidation_fee"),
                    ("insurance", "loss_share"),
                    ("opened", "opened_seq"),
                    ("closed", "closed_seq"),
                )
            },
        ),
    )

    user_name = user_column()
    market_link = market_column()
    way = shown("side", lambda life: side_badge(life.side))
    how = shown("ended", lambda life: badge(life.ending or "open", "plain"))
    most = size_column("max_lots", "at most")
    through = shown("closed", lambda life: size(int(life.exit_lots), life.market))
    entry_price = shown(
        "entry price",
        lambda life: average_price(int(life.entry_units), int(life.entry_lots), life.market),
    )
    exit_price = shown(
        "exit price",
        lambda life: average_price(int(life.exit_units), int(life.exit_lots), life.market),
    )
    realized_pnl = gain_column("realized_pnl_units", "realised PnL")
    funding = gain_column("funding_units", "funding")
    fee = money_column("fee_units", "fees")
    liquidation_fee = money_column("liquidation_fee_units", "liquidation fee")
    insurance = money_column("insurance_units", "covered by the insurance fund")
    loss_share = money_column("loss_share_units", "paid for others' losses")
    opened = time_column("opened_at", "opened")
    closed = time_column("closed_at", "closed")
