"""Risk → Risk board, and one trader's exposure. Both are only looked at."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.models import User
from common.admin.base import Cell, badge
from console.risk import board_tables, exposure_tables
from console.risk.board import SHOWN_MAX, first_lines, first_of_markets
from console.risk.exposure import exposure_of
from console.risk.first import PositionOrder
from console.risk.lines import MarketMark, market_marks
from console.risk.markets import MarketRisk, market_risks
from markets.display import money

PERMISSION = "trading.view_position"
NEEDED_OF_TRADER = (PERMISSION, "trading.view_order", "ledger.view_wallet")
REFRESH_S = 5
_TITLES = {
    PositionOrder.DISTANCE: "nearest to liquidation",
    PositionOrder.VALUE: "largest",
    PositionOrder.LOSS: "deepest in loss",
    PositionOrder.PROFIT: "highest in profit",
    PositionOrder.LEVERAGE: "of the highest leverage",
}


@dataclass(frozen=True)
class Choice:
    """What an address may ask for, and how it is said."""

    text: str
    query: str
    is_chosen: bool


def board_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    marks = market_marks(timezone.now())
    key, market_id = _asked(request, marks)
    by_distance = first_of_markets(PositionOrder.DISTANCE, marks)
    risks = market_risks(marks, by_distance)
    shown = {market_id: marks[market_id]} if market_id else marks
    if key is PositionOrder.DISTANCE:
        found = {one: by_distance.get(one, []) for one in shown}
    else:
        found = first_of_markets(key, shown)
    title = (
        f"Positions {_TITLES[key]}{f' in {market_id}' if market_id else ''}, {SHOWN_MAX} at most"
    )
    may_see_exposure = request.user.has_perms(NEEDED_OF_TRADER)
    lines = first_lines(key, marks, found)
    context = {
        "title": "Risk board",
        "figures": _figures(risks),
        "tables": [
            board_tables.cover_table(risks),
            board_tables.positions_table(title, lines, may_see_exposure=may_see_exposure),
            board_tables.holders_table(risks),
        ],
        "sorts": [Choice(one.value, _query(one, market_id), one is key) for one in PositionOrder],
        "markets": [
            Choice(one or "all", _query(key, one), one == market_id) for one in (None, *marks)
        ],
        "part_query": f"{_query(key, market_id)}&part=body",
    }
    return _answer(site, request, "board", context)


def trader_view(site: Any, request: HttpRequest, user_id: int) -> HttpResponse:
    """The same of one trader."""
    if not request.user.has_perms(NEEDED_OF_TRADER):
        raise PermissionDenied
    user = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    if user is None:
        raise Http404
    exposure = exposure_of(user, timezone.now())
    context = {
        "title": f"Exposure of {user}",
        "trader": user,
        "figures": exposure_tables.wallet_figures(exposure),
        "tables": [
            exposure_tables.exposure_table(exposure),
            exposure_tables.orders_worth_table(exposure),
        ],
        "part_query": "?part=body",
    }
    return _answer(site, request, "trader", context)


def _asked(request: HttpRequest, marks: dict[str, MarketMark]) -> tuple[PositionOrder, str | None]:
    """By distance and of all markets, where the address says nothing that there is."""
    sort, market_id = request.GET.get("sort", ""), request.GET.get("market", "")
    key = PositionOrder(sort) if sort in list(PositionOrder) else PositionOrder.DISTANCE
    return key, market_id if market_id in marks else None


def _query(key: PositionOrder, market_id: str | None) -> str:
    return "?" + urlencode({"sort": key.value} | ({"market": market_id} if market_id else {}))


def _figures(risks: list[MarketRisk]) -> list[tuple[str, Cell]]:
    """Of all markets, at a look."""
    uncovered = sum(bool(risk.cover.missing_units) for risk in risks)
    stale = sum(risk.mark.is_stale for risk in risks)
    unmarked = sum(not risk.mark.mark_ticks for risk in risks)
    return [
        ("Open positions", f"{sum(risk.positions for risk in risks):,}"),
        ("Value, both sides", money(sum(risk.gross_units for risk in risks))),
        ("Insurance funds", money(sum(risk.cover.fund_units for risk in risks))),
        ("Funds too small", _count(uncovered)),
        ("Stale marks", _count(stale)),
        ("Markets without a mark", _count(unmarked)),
    ]


def _count(of_what_is_bad: int) -> Cell:
    return badge(str(of_what_is_bad), "bad") if of_what_is_bad else "none"


def _answer(site: Any, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    part = request.GET.get("part") == "body"
    template = "console/risk/body.html" if part else f"console/risk/{name}.html"
    shown = {**site.each_context(request), **context, "refresh_s": REFRESH_S}
    return TemplateResponse(request, template, shown)
