"""Money → Is it right?"""

import time
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from common.admin import NOTHING, when
from common.admin.base import Cell, badge, link, list_link
from common.admin.record_urls import key_of
from common.errors import DomainError
from console.money import services
from console.money.balances import FLOW_KINDS, AccountBalance, TrialBalance, trial_balance
from console.money.moments import moment_of
from console.money.newest import newest
from console.money.revenue import Revenue, revenue_by_tier, revenue_of_tier
from console.today.figures import MarketFigures, moved_in
from console.today.ranges import RANGES, TimeRange, range_named
from ledger.models import Account, AccountKind, Posting, Wallet
from markets.conversions import ratio_text
from markets.display import gain_or_loss, money, signed_money
from markets.models import Market
from persistence.admin.reconciliation import result_badge
from persistence.models import ReconcileRun
from trading.models import Position

VIEW = "ledger.view_journalentry"
REFRESH_S = 2
Row = list[tuple[str, Cell]]

_NOW = {
    AccountKind.AVAILABLE: "sum of all wallets",
    AccountKind.HELD: "sum of all wallets",
    AccountKind.MARGIN: "sum of the margin of all positions",
    AccountKind.CLEARING: "minus the entry cost of all positions",
}
_FLOWS = "sums of postings, kept by hour and minute"
_SUMS = "sums of postings, added up by day, hour and minute"


def money_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The whole page, or with ``?part=newest`` what its script puts in place of the old."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    if request.method == "POST":
        return _run(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    found = newest()
    context = {
        "newest": found,
        "history": [_run_row(run) for run in found.history],
        "run_link": link(ReconcileRun, found.run.pk, str(found.run)) if found.run else "",
        "may_run": request.user.has_perm(services.PERMISSION),
    }
    template = "console/money/newest.html"
    if request.GET.get("part") != "newest":
        template = "console/money/page.html"
        context |= {
            **site.each_context(request),
            "title": "Is the money right?",
            "refresh_s": REFRESH_S,
            **_balance_context(request),
            **_range_context(request),
        }
    return TemplateResponse(request, template, context)


def _run(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(services.PERMISSION):
        raise PermissionDenied
    try:
        services.ask_for_run(request)
        messages.success(request, "A worker was asked: the result will be here in a moment.")
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("admin:money"))


def _run_row(run: ReconcileRun) -> Row:
    return [
        ("Run", link(ReconcileRun, run.pk)),
        ("Started", f"{when(run.started_at)} UTC"),
        ("Of", run.scope),
        ("Result", result_badge(run)),
        ("Took", f"{run.took.total_seconds():.1f} s"),
    ]


def _balance_context(request: HttpRequest) -> dict[str, Any]:
    moment = moment_of(request.GET.get("at", ""), timezone.now())
    at_words = f"{moment.field_text.replace('T', ' ')} UTC" if moment.at else "now"
    trial = trial_balance(moment.at)
    whole = trial if trial.is_whole else trial_balance(None)
    return {
        "moment": moment,
        "at_words": at_words,
        "trial": trial,
        "balances": [_balance_row(balance, trial) for balance in trial.balances],
        "trial_sum": signed_money(trial.sum_units),
        "trial_badge": _sum_badge(trial),
        "custody_at": at_words if whole is trial else "now",
        "custody": _custody(whole),
        "custody_left": _zero_badge(whole.sum_units),
    }


def _sum_badge(trial: TrialBalance) -> Cell:
    if not trial.is_whole:
        return badge("not added up: not all of them are known", "warn")
    return _zero_badge(trial.sum_units)


def _zero_badge(units: int) -> Cell:
    return badge("balanced", "ok") if units == 0 else badge("does not balance", "bad")


def _balance_row(balance: AccountBalance, trial: TrialBalance) -> Row:
    return [
        ("Account", balance.kind),
        ("Of", link(Market, balance.market_id) if balance.market_id else _owners(balance)),
        ("Holds", NOTHING if balance.units is None else _rows_link(balance, balance.units)),
        ("How it is got", _how(balance, trial)),
    ]


def _owners(balance: AccountBalance) -> str:
    return "all traders" if balance.account_id is None else "the exchange"


def _rows_link(balance: AccountBalance, units: int) -> Cell:
    if balance.account_id is not None:
        return link(Account, balance.account_id, signed_money(units))
    of = Position if balance.kind == AccountKind.MARGIN else Wallet
    return list_link(of, "", signed_money(units))


def _how(balance: AccountBalance, trial: TrialBalance) -> str:
    if balance.units is None:
        return f"not known: too many {trial.too_much}"
    if balance.kind in FLOW_KINDS:
        return _FLOWS
    return _NOW[balance.kind] if trial.at is None else _SUMS


def _custody(trial: TrialBalance) -> list[tuple[str, Cell]]:
    """What came in against where it is, as the ledger has it."""
    kinds = AccountKind
    came_in = -trial.units_of(kinds.DEPOSITS)
    went_out = trial.units_of(kinds.WITHDRAWALS)
    held = {
        "Traders’ wallets": trial.units_of(kinds.AVAILABLE, kinds.HELD),
        "Margin of positions": trial.units_of(kinds.MARGIN),
        "Entry cost of positions": trial.units_of(kinds.CLEARING),
        "Insurance funds": trial.units_of(kinds.INSURANCE),
        "Fees": trial.units_of(kinds.FEES),
        "Adjustments, taken less given": trial.units_of(kinds.ADJUSTMENTS),
    }
    return [
        ("Deposits", money(came_in)),
        ("Withdrawals", money(went_out)),
        ("So there should be", money(came_in - went_out)),
        *((name, signed_money(units)) for name, units in held.items()),
        ("Together", money(sum(held.values()))),
        ("Left over", signed_money(came_in - went_out - sum(held.values()))),
    ]


def _range_context(request: HttpRequest) -> dict[str, Any]:
    chosen: TimeRange = range_named(request.GET.get("range", ""))
    now_ms = time.time_ns() // 1_000_000
    moved = moved_in(chosen, now_ms)
    funds = dict(Account.objects.filter(kind=AccountKind.INSURANCE).values_list("market_id", "pk"))
    held = dict(Market.objects.values_list("pk", "status__insurance_units"))
    fees = Account.objects.filter(kind=AccountKind.FEES).first()
    return {
        "range": chosen.name,
        "ranges": list(RANGES),
        "markets": [
            _market_row(found, funds.get(found.market.pk), held[found.market.pk] or 0)
            for found in moved.markets
        ],
        "totals": [
            ("Insurance funds now", money(sum(units or 0 for units in held.values()))),
            ("Gained", gain_or_loss(sum(found.insurance_units for found in moved.markets))),
            ("Fees", link(Account, fees.pk if fees else None, money(sum(moved.fees_series)))),
        ],
        **_revenue_context(request, chosen, now_ms),
    }


def _revenue_context(request: HttpRequest, chosen: TimeRange, now_ms: int) -> dict[str, Any]:
    """By tier or, with ``?tier=``, by market of that tier."""
    start_ms, asked = chosen.start_ms(now_ms), request.GET.get("tier", "")
    tier_id = key_of(asked)
    if tier_id is None:
        rows = [_tier_row(one, chosen) for one in revenue_by_tier(start_ms)]
        return {"revenue": rows, "revenue_of": ""}
    found = revenue_of_tier(start_ms, tier_id)
    rows = [[("Market", link(Market, one.market_id)), *_revenue_cells(one)] for one in found]
    return {"revenue": rows, "revenue_of": found[0].name if found else f"tier {tier_id}"}


def _tier_row(one: Revenue, chosen: TimeRange) -> Row:
    url = f"?range={chosen.name}&tier={one.tier_id}#revenue"
    return [("Tier", format_html('<a href="{}">{}</a>', url, one.name)), *_revenue_cells(one)]


def _revenue_cells(one: Revenue) -> Row:
    per_volume = ratio_text(one.fee_units * 100, one.volume_units)
    return [
        ("Volume of its sides", money(one.volume_units)),
        ("Fees", signed_money(one.fee_units)),
        ("Of volume", f"{per_volume} %" if per_volume else NOTHING),
    ]


def _market_row(found: MarketFigures, fund_id: int | None, held_units: int) -> Row:
    postings = f"account__id__exact={fund_id}"
    return [
        ("Market", link(Market, found.market.pk)),
        ("Insurance fund now", link(Account, fund_id, money(held_units))),
        ("Gained", list_link(Posting, postings, signed_money(found.insurance_units))),
        ("Fees", money(found.fees_units)),
    ]
