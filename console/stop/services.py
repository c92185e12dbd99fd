"""What changes markets' states from the page, and what is planned for them.

Whatever changes a market's stops holds the market's row first. The audit is told last: its head is
held from then on, and who holds it must not wait for a market.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin import when
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import reason_of
from console.guards import each_alone
from console.stop.models import MarketStop
from console.stop.states import (
    STOP_STATES,
    newest_state_asked,
    state_before_stop,
    state_to_resume,
)
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState, StateReason
from trading import services
from trading.models import OutboxCommand

RESUME_WITHIN = timedelta(days=30)
# How long after a stop orders can appear that were being accepted as it was asked for: a request is
# answered within 5 s, and what Redis missed of it is sent again within 10.
LATE_FOR = timedelta(seconds=15)


@dataclass(frozen=True)
class NewStop:
    """``state`` ACTIVE resumes: a market that was stopped here is what it was before."""

    state: MarketState
    reason: str
    cancels_orders: bool = False
    resume_at: datetime | None = None

    @property
    def resumes(self) -> bool:
        return self.state is MarketState.ACTIVE


@transaction.atomic
def change_states(
    request: HttpRequest, markets: Sequence[Market], asked: NewStop
) -> list[MarketStop]:
    """All of them or none. Raises DomainError."""
    asked = replace(asked, reason=reason_of(asked.reason))
    now = timezone.now()
    if asked.resume_at is not None and not now < asked.resume_at <= now + RESUME_WITHIN:
        message = f"The time to resume at must be ahead, by at most {RESUME_WITHIN.days} days."
        raise invalid("resume_at", message)
    return change_states_as(operator_of(request), markets, asked, request)


@transaction.atomic
def change_states_as(
    by: User, markets: Sequence[Market], asked: NewStop, request: HttpRequest | None = None
) -> list[MarketStop]:
    """What ``by`` asks for now, with its request, or had planned. Raises DomainError."""
    locked = _lock(*(market.pk for market in markets))
    if not locked:
        raise DomainError(ErrorCode.MARKET_NOT_FOUND, "There is no market that this applies to.")
    made = [_change(by, market, asked) for market in locked]
    for stop in made:
        tell(
            Act(
                verb=Verb.RESUMED if asked.resumes else Verb.STOPPED,
                request=request,
                operator=by,
                obj=stop.market,
                words=_words(stop),
                reason=stop.reason,
                command_id=stop.command_id,
            )
        )
    return made


def _words(stop: MarketStop) -> str:
    words = f"asked for {stop.state}" + (", all orders cancelled" if stop.cancels_orders else "")
    resumes = f", to resume as {stop.resumes_to} at {when(stop.resume_at)} UTC"
    return words + (resumes if stop.resume_at else "")


def _change(by: User, market: Market, asked: NewStop) -> MarketStop:
    if MarketStatus.objects.get(pk=market.pk).state == MarketState.PRE_OPEN:
        message = f"{market.pk} has never been opened: there is nothing to stop or to resume."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    state = state_to_resume(market) if asked.resumes else asked.state
    resumes_to = "" if asked.resumes else state_before_stop(market)
    _ahead().filter(market=market).update(resume_ended=f"superseded: {by} asked for {state}")
    if asked.resumes:
        _sweep_before_it_opens(market)
    elif asked.cancels_orders:  # what the stop before this one was to look for, this one does
        _unswept().filter(market=market).update(swept_at=timezone.now())
    return MarketStop.objects.create(
        market=market,
        state=state,
        resumes_to=resumes_to,
        reason=asked.reason,
        asked_by=by,
        asked_at=timezone.now(),
        command_id=services.set_market_state(market, state, by),
        cancels_orders=asked.cancels_orders,
        cancel_ids=services.cancel_market_as_operator(market.pk, by)
        if asked.cancels_orders
        else [],
        resume_at=asked.resume_at,
    )


@transaction.atomic
def forget_resume(request: HttpRequest, stop_id: int) -> None:
    """Raises DomainError where nothing is planned any more."""
    stop = _locked(_ahead(), stop_id)
    if stop is None:
        message = "This resume is not ahead any more."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    stop.resume_ended = f"cancelled by {operator_of(request)}"
    stop.save(update_fields=["resume_ended"])
    words = f"planned resume at {when(stop.resume_at)} UTC cancelled"
    tell(Act(verb=Verb.STOPPED, request=request, obj=stop.market, words=words))


def sweep_stops() -> None:
    each_alone("stop_not_swept", _unswept().values_list("pk", flat=True), _sweep_if_applied)


@transaction.atomic
def _sweep_if_applied(stop_id: int) -> None:
    """As long as orders can still appear that were being accepted as the stop was asked for, and
    once more after that. Of a market that was opened since they stay."""
    stop = _locked(_unswept(), stop_id)
    if stop is None or unapplied([stop.command_id, *stop.cancel_ids]):
        return
    is_stopped = newest_state_asked(stop.market_id) in STOP_STATES
    if is_stopped:
        _sweep(stop)
    if not is_stopped or timezone.now() >= stop.asked_at + LATE_FOR:
        stop.swept_at = timezone.now()
    stop.save(update_fields=["cancel_ids", "swept_at"])


def _sweep_before_it_opens(market: Market) -> None:
    """What is late is found now, and is cancelled by the engine before the market opens."""
    for stop in _unswept().filter(market=market).select_related("asked_by"):
        _sweep(stop)
        stop.swept_at = timezone.now()
        stop.save(update_fields=["cancel_ids", "swept_at"])


def _sweep(stop: MarketStop) -> None:
    """A market that is reduce-only takes orders that reduce: they came after the stop."""
    stop.cancel_ids += services.cancel_market_as_operator(
        stop.market_id,
        stop.asked_by,
        opening_only=newest_state_asked(stop.market_id) is MarketState.REDUCE_ONLY,
    )


def resume_due() -> None:
    due = _ahead().filter(resume_at__lte=timezone.now())
    each_alone("market_not_resumed", due.values_list("pk", flat=True), _resume_if_applied)


@transaction.atomic
def _resume_if_applied(stop_id: int) -> None:
    stop = _locked(_ahead(), stop_id)
    if stop is not None and not unapplied([stop.command_id]):
        _resume(stop)


def _resume(stop: MarketStop) -> None:
    status = MarketStatus.objects.get(pk=stop.market_id)
    later = OutboxCommand.objects.filter(
        market=stop.market_id,
        command_type__in=("SetMarketState", "SettleMarket"),
        pk__gt=stop.command_id,
    ).exists()
    command_id = None
    if later or status.state != stop.state or status.state_reason != StateReason.OPERATOR:
        stop.resume_ended = f"superseded: the market is {status.state} for another reason since"
    else:
        _sweep_before_it_opens(stop.market)
        state = MarketState(stop.resumes_to)
        command_id = services.set_market_state(stop.market, state, stop.asked_by)
        stop.resume_ended = f"resumed with command {command_id}, as {state}"
    stop.save(update_fields=["resume_ended"])
    tell(
        Act(
            verb=Verb.RESUMED,
            operator=stop.asked_by,
            obj=stop.market,
            words=f"as planned for {when(stop.resume_at)} UTC: {stop.resume_ended}",
            reason=stop.reason,
            command_id=command_id,
        )
    )


def _lock(*market_ids: str) -> list[Market]:
    """In one order. Commands of traders go on meanwhile."""
    markets = Market.objects.select_for_update(no_key=True).filter(pk__in=market_ids)
    return list(markets.order_by("pk"))


def _locked(stops: QuerySet[MarketStop], stop_id: int) -> MarketStop | None:
    """If it is still one of them once nobody else changes stops of its market."""
    found = stops.filter(pk=stop_id).first()
    if found is None:
        return None
    _lock(found.market_id)
    return stops.select_related("asked_by", "market").filter(pk=stop_id).first()


def unapplied(command_ids: Sequence[int]) -> int:
    return OutboxCommand.objects.filter(pk__in=command_ids, applied_seq__isnull=True).count()


def _ahead() -> QuerySet[MarketStop]:
    return MarketStop.objects.filter(resume_at__isnull=False, resume_ended="")


def _unswept() -> QuerySet[MarketStop]:
    return MarketStop.objects.filter(cancels_orders=True, swept_at__isnull=True)
