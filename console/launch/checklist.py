"""What a market needs before strangers trade in it: each line done, or what to do about it.

What the status page measures is taken from there (`console.health`).
"""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from announcements.models import Announcement
from announcements.selectors import shown_or_ahead
from common import decimals
from common.admin.record_urls import list_url, url_of
from console.health.report import Check, Grade, MarketReport, exchange_status
from console.launch.defaults import advised_insurance_units
from console.launch.models import MarketLaunch
from markets.config import market_config
from markets.conversions import nearest_ticks
from markets.display import money, percent, price
from markets.models import Market, MarketStatus
from matching.messages.limits import PPM
from matching.messages.tiers import TierTable
from prices.index import OUTLIER_PERCENT, SourceState
from prices.models import PriceSource
from trading import services
from trading.models import FeeTier

_WATCHED = ("input", "persistence", "dead letters", "resends", "funding")


@dataclass(frozen=True)
class ChecklistLine:
    """``is_needed``: a market can't open without it. ``todo``: what to do, where it isn't done."""

    what: str
    is_done: bool
    found: str
    is_needed: bool = False
    todo: str = ""
    url: str = ""

    @property
    def tone(self) -> str:
        return "ok" if self.is_done else "bad" if self.is_needed else "warn"

    @property
    def word(self) -> str:
        return "ok" if self.is_done else "needed" if self.is_needed else "missing"


def checklist(market: Market) -> list[ChecklistLine]:
    status = MarketStatus.objects.get(pk=market.pk)
    launch = MarketLaunch.objects.filter(pk=market.pk).first()
    report = next((m for m in exchange_status().markets if m.market_id == market.pk), None)
    checks = {check.name: check for check in report.checks} if report else {}
    reference = launch.reference_price if launch else None
    return [
        _measured("Engine", checks.get("engine"), "Start an engine: manage.py runengine."),
        _measured("Rules applied", checks.get("rules"), "Wait, or look at its commands."),
        _sources(market, report),
        _measured(
            "Index price", checks.get("index price"), "Start the price process, or look at sources."
        ),
        _near_reference(market, status, reference),
        _insurance(market, status, reference),
        _fees(market),
        _watched(checks),
        _decided(market),
        _announced(market),
    ]


def _measured(what: str, check: Check | None, todo: str) -> ChecklistLine:
    found = check.text if check else "nothing measured: Redis or Postgres does not answer"
    done = check is not None and check.level is Grade.OK
    return ChecklistLine(what, done, found, is_needed=True, todo=todo, url=reverse("admin:status"))


def _sources(market: Market, report: MarketReport | None) -> ChecklistLine:
    sources = report.sources if report else []
    enabled = [one for one in sources if one.state is not SourceState.DISABLED]
    healthy = sum(one.state is SourceState.HEALTHY for one in enabled)
    found = f"{healthy} of {len(enabled)} answer, {market.price_quorum} needed"
    return ChecklistLine(
        "Price sources",
        healthy >= market.price_quorum,
        found,
        is_needed=True,
        todo="Add one, or see what each says.",
        url=list_url(PriceSource, f"market__id__exact={market.pk}"),
    )


def _near_reference(
    market: Market, status: MarketStatus, reference: Decimal | None
) -> ChecklistLine:
    """As near as a source must be to its fellows to count."""
    what, url = "Index beside the price it was made with", url_of(Market, market.pk)
    index = status.index_price_ticks
    if reference is None:
        return ChecklistLine(what, True, "no such price is kept")
    if not index:
        return ChecklistLine(
            what, False, "no index yet", todo="Wait for the price sources.", url=url
        )
    now = index * market.tick_size
    off_ppm = int(abs(now - reference) * PPM / reference)
    said = f"{price(index, market)} beside {decimals.text(reference)}, {percent(off_ppm)} away"
    todo = "Look whether the sources are of this asset, and whether tick and sizes still fit."
    return ChecklistLine(what, off_ppm <= OUTLIER_PERCENT * PPM // 100, said, todo=todo, url=url)


def _insurance(market: Market, status: MarketStatus, reference: Decimal | None) -> ChecklistLine:
    ticks = status.index_price_ticks
    if not ticks and reference:
        ticks = nearest_ticks(reference, market.tick_size)
    advised = advised_insurance_units(market, TierTable(market_config(market)), max(1, ticks))
    return ChecklistLine(
        "Insurance fund",
        status.insurance_units >= advised,
        f"{money(status.insurance_units)}, {money(advised)} advised",
        todo="Ask for a top-up in the list of markets; treasury decides it.",
        url=list_url(Market, f"q={market.pk}"),
    )


def _fees(market: Market) -> ChecklistLine:
    own = f"{percent(market.maker_fee_ppm)} maker, {percent(market.taker_fee_ppm)} taker"
    tiers = FeeTier.objects.count()
    return ChecklistLine(
        "Fees", True, f"{own}; {tiers} fee tiers in their place", url=list_url(FeeTier, "")
    )


def _watched(checks: dict[str, Check]) -> ChecklistLine:
    wrong = [
        f"{name}: {checks[name].text}"
        for name in _WATCHED
        if name in checks and checks[name].level is not Grade.OK
    ]
    found = "; ".join(wrong) or "the status page finds nothing wrong"
    return ChecklistLine(
        "Alarms",
        bool(checks) and not wrong,
        found if checks else "nothing measured",
        todo="See the status page.",
        url=reverse("admin:status"),
    )


def _decided(market: Market) -> ChecklistLine:
    waiting = services.waiting_rules(market)
    if waiting is None:
        return ChecklistLine("Approvals", True, "nothing about its rules waits")
    return ChecklistLine(
        "Approvals",
        False,
        f"{waiting} waits",
        todo="Another operator decides it.",
        url=url_of(type(waiting), waiting.pk),
    )


def _announced(market: Market) -> ChecklistLine:
    """By name, in what is shown or will be."""
    names = any(market.pk in one.text for one in shown_or_ahead(timezone.now()))
    add = reverse("admin:announcements_announcement_add")
    return ChecklistLine(
        "Announcement",
        names,
        "it is named" if names else f"none names {market.pk}",
        todo="Tell traders.",
        url=f"{add}?{urlencode({'text': f'{market.pk} opens for trading.'})}"
        if not names
        else list_url(Announcement, ""),
    )
