"""What the console adds to records of other rooms: the way to its pages, and what they did."""

from collections.abc import Callable

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html

from accounts.display import user_link
from accounts.models import Freeze, User
from common.admin import when
from common.admin.base import Cell, Table, link, table_of, way_of
from console.risk.cells import exposure_link
from console.risk.exposure import equity_or_none
from console.seen_as.views import PERMISSION as SEE_AS
from console.stop.models import MarketStop
from console.why.views import KINDS
from ledger.models import Wallet
from markets.display import gain_or_loss, money
from markets.models import Market
from trading.models import OutboxCommand

_SHOWN = 5


@table_of(Market)
def stops_of_market(market: Market) -> Table:
    stops = MarketStop.objects.filter(market=market).select_related("asked_by").order_by("-pk")
    url = f"{reverse('admin:stop')}?market={market.pk}"
    way = format_html('<a href="{}">Stop, restrict or resume this market</a>', url)
    return Table(
        "Stopped and resumed",
        Market,
        ("state", "by", "time", "reason", "command"),
        [
            (
                stop.state,
                user_link(stop.asked_by),
                when(stop.asked_at),
                stop.reason,
                link(OutboxCommand, stop.command_id),
            )
            for stop in stops[:_SHOWN]
        ],
        empty=way,
        note=way,
    )


@table_of(User)
def freezes_of_trader(user: User) -> Table:
    freezes = Freeze.objects.filter(user=user).select_related("frozen_by", "lifted_by")
    url = reverse("admin:freeze", args=[user.pk])
    way = format_html('<a href="{}">Freeze this trader, or lift it</a>', url)
    return Table(
        "Freezes",
        User,
        ("from", "by", "until", "reason", "lifted"),
        [
            (
                when(freeze.frozen_at),
                user_link(freeze.frozen_by),
                when(freeze.until),
                freeze.reason,
                when(freeze.lifted_at),
            )
            for freeze in freezes.order_by("-pk")[:_SHOWN]
        ],
        empty=way,
        note=way,
    )


@table_of(User)
def exposure_of_trader(user: User) -> Table:
    equity = equity_or_none(user.pk)
    return Table(
        "Exposure",
        Wallet,
        ("available", "held for orders", "margin", "unrealised PnL", "equity"),
        [
            (
                money(equity.available_units),
                money(equity.held_units),
                money(equity.margin_units),
                gain_or_loss(equity.unrealized_pnl_units),
                money(equity.equity_units),
            )
            if equity
            else ("no wallet", "", "", "", "")
        ],
        note=exposure_link(user.pk, "Exposure over all markets, with live orders"),
    )


def _seen_as(user: User) -> Cell:
    url = reverse("admin:see-as", args=[user.pk])
    return format_html('<a href="{}">See as this trader</a>', url)


def _as_operator(user: User) -> Cell:
    url = reverse("admin:operator", args=[user.pk])
    return format_html('<a href="{}">As an operator</a>', url) if user.is_staff else ""


def _family(user: User) -> Cell:
    url = reverse("admin:family", args=[user.pk])
    return format_html('<a href="{}">Accounts and transfers</a>', url)


way_of(User, _family, "ledger.view_wallet")
way_of(User, _seen_as, SEE_AS)
way_of(User, _as_operator)


def _why(kind: str) -> Callable[[Model], Cell]:
    def way(record: Model) -> Cell:
        return format_html('<a href="{}">Why?</a>', reverse("admin:why", args=[kind, record.pk]))

    return way


for _kind, _asked in KINDS.items():
    way_of(_asked.model, _why(_kind))
