"""Funding: what longs and shorts paid each other, settlement by settlement; and the last settlement
of all, which closes a market."""

from collections.abc import Iterable

from django.contrib import admin

from accounts.display import user_column, user_link
from accounts.models import User
from common.admin import when
from common.admin.base import (
    TABLE_ROWS_MAX,
    Cell,
    RecordAdmin,
    Table,
    link,
    list_link,
    shown,
    table_of,
    time_column,
    words,
)
from markets.columns import gain_column, market_column, money_column, price_column
from markets.conversions import carry_text
from markets.display import funding_rate, gain_or_loss, money, signed_money
from markets.models import Market
from trading.admin.row_tables import lots_and_way
from trading.models import FundingPayment, FundingSettlement, Settlement


def _who_pays(settlement: FundingSettlement) -> str:
    if not settlement.per_lot_units:
        return "nobody paid"
    return "longs paid shorts" if settlement.per_lot_units > 0 else "shorts paid longs"


@admin.register(FundingSettlement)
class FundingSettlementAdmin(RecordAdmin):
    list_display = ("id", "market_link", "time", "rate", "who", "mark_price", "paid", "seq")
    list_filter = ("market",)
    list_select_related = ("market",)
    search_ids = ("id", "seq")
    search_help_text = "Settlement id or sequence."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("market_link", "seq"),
                    ("time", "settled"),
                    ("rate", "who"),
                    ("mark_price", "per_lot"),
                    "carried",
                    "paid",
                )
            },
        ),
    )

    market_link = market_column()
    time = time_column("funding_time", "funding time")
    settled = time_column("settled_at", "settled")
    rate = shown("rate", lambda settlement: funding_rate(settlement.rate_ppb))
    who = shown("who paid", _who_pays)
    mark_price = price_column("mark_price_ticks", "mark price")
    per_lot = shown("a long paid per lot", lambda s: signed_money(s.per_lot_units))
    carried = shown("carried on per lot", lambda s: f"{carry_text(s.carry)} {s.market.quote_asset}")
    paid = money_column("paid_units", "paid in all")

    def tables(self, obj: FundingSettlement) -> Iterable[Table]:
        payments = FundingPayment.objects.filter(settlement=obj).select_related("user")
        rows = payments.order_by("amount_units", "pk")[:TABLE_ROWS_MAX]
        for payment in rows:
            payment.settlement = obj  # known already: no query per row
        yield Table(
            "Payments",
            FundingPayment,
            ("payment", "user", "position", "paid or received"),
            [_payment_cells(payment) for payment in rows],
            empty="Nobody held a position.",
            note=words(
                list_link(FundingPayment, f"settlement__id__exact={obj.pk}", "All of them"),
                "Together they are zero.",
            ),
        )


def _payment_cells(payment: FundingPayment) -> Iterable[Cell]:
    return (
        link(FundingPayment, payment.pk),
        user_link(payment.user),
        lots_and_way(payment.position_lots, payment.settlement.market),
        gain_or_loss(payment.amount_units),
    )


@admin.register(FundingPayment)
class FundingPaymentAdmin(RecordAdmin):
    list_display = ("id", "user_name", "market_link", "time", "position", "rate", "amount")
    list_filter = ("settlement__market",)
    list_select_related = ("user", "settlement__market")
    walked_by = ("user__id__exact", "settlement__id__exact")
    search_ids = ("id", "settlement")
    search_users = ("user",)
    search_help_text = "Payment or settlement id, or the beginning of a username."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("user_name", "market_link"),
                    ("position", "rate"),
                    "amount",
                    ("settlement_link", "time"),
                )
            },
        ),
    )

    user_name = user_column()
    market_link = shown("market", lambda row: link(Market, row.settlement.market_id))
    settlement_link = shown(
        "settlement", lambda row: link(FundingSettlement, row.settlement_id, row.settlement)
    )
    time = shown("funding time", lambda row: when(row.settlement.funding_time))
    position = shown("position", lambda row: lots_and_way(row.position_lots, row.settlement.market))
    rate = shown("rate", lambda row: funding_rate(row.settlement.rate_ppb))
    amount = gain_column("amount_units", "paid or received")


@admin.register(Settlement)
class SettlementAdmin(RecordAdmin):
    list_display = (
        "id",
        "user_name",
        "market_link",
        "position",
        "price",
        "realized_pnl",
        "insurance",
        "returned",
        "settled",
    )
    list_filter = ("market",)
    list_select_related = ("user", "market")
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Settlement id, or the beginning of a username."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("user_name", "market_link"),
                    ("position", "price"),
                    ("realized_pnl", "insurance"),
                    "returned",
                    ("seq", "settled"),
                )
            },
        ),
    )

    user_name = user_column()
    market_link = market_column()
    position = shown("position closed", lambda row: lots_and_way(row.position_lots, row.market))
    price = price_column("price_ticks", "settlement price")
    realized_pnl = gain_column("realized_pnl_units", "realised PnL")
    insurance = gain_column("insurance_units", "to the insurance fund")
    returned = money_column("returned_units", "returned to the wallet")
    settled = time_column("settled_at", "settled")


@table_of(Market)
def funding_of_market(market: Market) -> Table:
    settlements = FundingSettlement.objects.filter(market=market)[:10]
    return Table(
        "Latest funding",
        FundingSettlement,
        ("settlement", "funding time", "rate", "who paid", "paid in all"),
        [
            (
                link(FundingSettlement, settlement.pk),
                when(settlement.funding_time),
                funding_rate(settlement.rate_ppb),
                _who_pays(settlement),
                money(settlement.paid_units),
            )
            for settlement in settlements
        ],
        empty="No funding yet.",
        note=list_link(FundingSettlement, f"market__id__exact={market.pk}", "All of it"),
    )


@table_of(User)
def funding_of_user(user: User) -> Table:
    payments = FundingPayment.objects.filter(user=user).select_related("settlement__market")
    return Table(
        "Latest funding",
        FundingPayment,
        ("payment", "market", "funding time", "position", "rate", "paid or received"),
        [
            (
                link(FundingPayment, payment.pk),
                link(Market, payment.settlement.market_id),
                when(payment.settlement.funding_time),
                lots_and_way(payment.position_lots, payment.settlement.market),
                funding_rate(payment.settlement.rate_ppb),
                gain_or_loss(payment.amount_units),
            )
            for payment in payments[:10]
        ],
        empty="No funding yet.",
        note=list_link(FundingPayment, f"user__id__exact={user.pk}", "All of it"),
    )
