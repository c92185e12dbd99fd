"""The first page, and what its charts are drawn from."""

import time
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.admin.base import Cell, link, list_link
from console.today.figures import Figures, MarketFigures, figures_of, insurance_units, moved_in
from console.today.ranges import RANGES, TimeRange, range_named
from console.today.waiting import waiting_for
from ledger.models import Account, AccountKind, Deposit
from markets.display import gain_or_loss, money, price, size
from markets.models import Market
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from trading.models import Fill, Liquidation, Position

NEEDED = ("markets.view_market", "trading.view_fill", "ledger.view_account")
SPARK_WIDTH, SPARK_HEIGHT = 100, 24


def today_context(request: HttpRequest) -> dict[str, Any]:
    """What the first page shows of the range asked for; without the figures to who may not see
    their rows."""
    context: dict[str, Any] = {"waiting": waiting_for(request)}
    if not request.user.has_perms(NEEDED):
        return context
    chosen = range_named(request.GET.get("range", ""))
    figures = figures_of(chosen, _now_ms())
    return {
        **context,
        "range": chosen.name,
        "ranges": list(RANGES),
        "totals": _totals(figures),
        "markets": [_row(found) for found in figures.markets],
    }


def series_view(request: HttpRequest) -> JsonResponse:
    """Points of the range: ``at`` in milliseconds, amounts in whole currency."""
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    chosen: TimeRange = range_named(request.GET.get("range", ""))
    moved = moved_in(chosen, _now_ms())
    answer = {
        "at": moved.points_ms,
        "series": {
            "Volume": [_currency(units) for units in moved.volume_series],
            "Fees": [_currency(units) for units in moved.fees_series],
        },
    }
    return JsonResponse(answer)


def _totals(figures: Figures) -> list[tuple[str, Cell]]:
    fees = Account.objects.filter(kind=AccountKind.FEES).first()
    return [
        ("Volume", list_link(Fill, "", money(figures.volume_units))),
        ("Trades", list_link(Fill, "", f"{figures.trades:,}")),
        ("Fees", link(Account, fees.pk if fees else None, money(figures.fees_units))),
        ("Deposits", list_link(Deposit, "", money(figures.deposits_units))),
        ("Withdrawals", money(figures.withdrawals_units)),
        ("Insurance gained", gain_or_loss(figures.insurance_units)),
        ("Insurance now", money(insurance_units())),
        ("Liquidations", list_link(Liquidation, "", f"{figures.liquidations:,}")),
        ("Active traders", f"{figures.active_traders:,}"),
        ("New traders", list_link("accounts.User", "", f"{figures.new_traders:,}")),
    ]


def _row(found: MarketFigures) -> list[tuple[str, Cell]]:
    market = found.market
    of_market = f"market__id__exact={market.pk}"
    return [
        ("Market", link(Market, market.pk)),
        ("Volume", list_link(Fill, of_market, money(found.volume_units))),
        ("", _spark(found.volume_series, f"volume of {market.pk}")),
        ("Trades", f"{found.trades:,}"),
        ("Fees", money(found.fees_units)),
        ("Open interest", list_link(Position, of_market, size(found.open_interest_lots, market))),
        ("Spread", "–" if found.spread_ticks is None else price(found.spread_ticks, market)),
        ("Liquidations", list_link(Liquidation, of_market, f"{found.liquidations:,}")),
        ("Insurance gained", gain_or_loss(found.insurance_units)),
    ]


def _spark(series: list[int], of_what: str) -> SafeString:
    """A line as wide as its cell, from zero to the highest amount."""
    highest = max(series) or 1
    step = SPARK_WIDTH / max(len(series) - 1, 1)
    points = " ".join(
        f"{number * step:.1f},{SPARK_HEIGHT - 1 - (SPARK_HEIGHT - 2) * amount / highest:.1f}"
        for number, amount in enumerate(series)
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><polyline points="{}"/></svg>',
        SPARK_WIDTH,
        SPARK_HEIGHT,
        of_what,
        points,
    )


def _currency(units: int) -> float:
    """Of a chart, which needs no exactness."""
    return units / MONEY_UNITS_PER_CURRENCY


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
