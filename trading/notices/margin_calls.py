"""Positions whose owners want to be told that they are close to liquidation."""

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Person
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell_person
from common.postgres.alone import alone
from markets import display
from markets.models import Market, MarketStatus
from markets.rules import MarketRules, market_rules
from matching.messages.limits import PPM
from trading.models import MarginCall, Position
from trading.positions.figures import liquidation_price_ticks, position_figures

REARMED_BELOW_PPM = 50_000  # so far below the threshold: a mark that trembles there tells once
_LOCK = 0x6D63616C  # "mcal": the advisory lock of a run
_CHUNK = 1_000
_PPM_OF_PERCENT = PPM // 100


def make_margin_calls() -> None:
    with alone(_LOCK) as is_alone:
        if is_alone:
            for status in MarketStatus.objects.filter(_of_concern()).select_related("market"):
                if status.mark_price_ticks:
                    _call_in(status.market, status.mark_price_ticks)


def _of_concern() -> Q:
    """Markets in which there is anybody to tell, or somebody was told."""
    watched = _watched().order_by().values("market_id").distinct()
    told = MarginCall.objects.values("market_id").distinct()
    return Q(market__in=watched) | Q(market__in=told)


@transaction.atomic
def _call_in(market: Market, mark_ticks: int) -> None:
    rules = market_rules(market.pk)
    calls = {call.user_id: call for call in MarginCall.objects.filter(market=market)}
    for position in _watched().filter(market=market).iterator(chunk_size=_CHUNK):
        figures = position_figures(position, rules, mark_ticks, None)
        ratio_ppm = None if figures is None else figures.margin_ratio_ppm
        threshold_ppm = position.user.person.margin_call_percent * _PPM_OF_PERCENT
        call = calls.pop(position.user_id, None)
        if call is None and _is_beyond(ratio_ppm, threshold_ppm):
            _call(position.user.person, position, rules, mark_ticks, ratio_ppm)
        elif call is not None and not _is_beyond(ratio_ppm, threshold_ppm - REARMED_BELOW_PPM):
            call.delete()
    for over in calls.values():  # closed, or nobody wants to know any more
        over.delete()


def _watched() -> QuerySet[Position]:
    """Open positions of whoever wants to know."""
    rows = Position.objects.filter(user__person__mail_verified_at__isnull=False)
    told = rows.exclude(position_lots=0).exclude(
        user__person__muted__contains=[NoticeKind.MARGIN_CALL]
    )
    return told.select_related("user__person__user", "market").order_by("pk")


def _is_beyond(ratio_ppm: int | None, threshold_ppm: int) -> bool:
    return ratio_ppm is None or ratio_ppm >= threshold_ppm


def _call(
    person: Person, position: Position, rules: MarketRules, mark_ticks: int, ratio_ppm: int | None
) -> None:
    market = position.market
    call = MarginCall.objects.create(user_id=person.pk, market=market, ratio_ppm=ratio_ppm)
    tell_person(
        person,
        NoticeKind.MARGIN_CALL,
        str(call.pk),
        market=market.pk,
        side="long" if position.position_lots > 0 else "short",
        size=display.size(abs(position.position_lots), market),
        ratio="all" if ratio_ppm is None else display.percent(ratio_ppm // 1_000 * 1_000),
        mark=display.price(mark_ticks, market),
        liquidation=display.price(liquidation_price_ticks(position, rules), market),
        threshold=f"{person.margin_call_percent} %",
    )
