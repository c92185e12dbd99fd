"""What changes markets' states from the page, and what is planned for them."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin.acts import Act, tell
from common.admin.base import when
from common.errors import DomainError, ErrorCode, invalid
from console.stop.models import MarketStop
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState, StateReason
from trading import services
from trading.models import OutboxCommand

STOP_STATES = (MarketState.HALTED, MarketState.CANCEL_ONLY, MarketState.REDUCE_ONLY)
REASON_MAX = 500


@transaction.atomic
def change_states(
    request: HttpRequest,
    markets: Sequence[Market],
    state: MarketState,
    reason: str,
    *,
    cancels_orders: bool = False,
    resume_at: datetime | None = None,
) -> list[MarketStop]:
    """All of them or none. Raises DomainError."""
    if not reason.strip():
        raise invalid("reason", "Say why: it stays with what you do.")
    if resume_at is not None and resume_at <= timezone.now():
        raise invalid("resume_at", "The time to resume at must be ahead.")
    if not markets:
        raise DomainError(ErrorCode.MARKET_NOT_FOUND, "There is no market that this applies to.")
    made = []
    for market in sorted(markets, key=lambda one: one.pk):
        stop = _change(operator_of(request), market, state, reason.strip(), cancels_orders)
        stop.resume_at = resume_at
        stop.save()
        made.append(stop)
        words = f"asked for {state}" + (", all orders cancelled" if cancels_orders else "")
        words += f", to resume at {when(resume_at)} UTC" if resume_at else ""
        verb = "resume" if state is MarketState.ACTIVE else "stop"
        tell(
            Act(
                verb=verb,
                request=request,
                obj=market,
                words=words,
                reason=reason.strip(),
                command_id=stop.command_id,
            )
        )
    return made


def _change(
    by: User, market: Market, state: MarketState, reason: str, cancels_orders: bool
) -> MarketStop:
    Market.objects.select_for_update().get(pk=market.pk)
    if MarketStatus.objects.get(pk=market.pk).state == MarketState.PRE_OPEN:
        message = f"{market.pk} has never been opened: there is nothing to stop or to resume."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    _ahead().filter(market=market).update(resume_ended=f"superseded: {by} asked for {state}")
    return MarketStop.objects.create(
        market=market,
        state=state,
        reason=reason,
        asked_by=by,
        asked_at=timezone.now(),
        command_id=services.set_market_state(market, state, by),
        cancels_orders=cancels_orders,
        cancel_ids=services.cancel_market_as_operator(market.pk, by) if cancels_orders else [],
    )


@transaction.atomic
def forget_resume(request: HttpRequest, stop_id: int) -> None:
    """Raises DomainError where nothing is planned any more."""
    stop = _ahead().select_for_update().filter(pk=stop_id).first()
    if stop is None:
        message = "This resume is not ahead any more."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    stop.resume_ended = f"cancelled by {operator_of(request)}"
    stop.save(update_fields=["resume_ended"])
    words = f"planned resume at {when(stop.resume_at)} UTC cancelled"
    tell(Act(verb="stop", request=request, obj=stop.market, words=words))


def sweep_stops() -> None:
    """Once per stop, after its engine has applied all of it."""
    waiting = MarketStop.objects.filter(cancels_orders=True, swept_at__isnull=True)
    for stop_id in waiting.values_list("pk", flat=True):
        with transaction.atomic():
            stop = waiting.select_for_update(skip_locked=True).filter(pk=stop_id).first()
            if stop is None or unapplied([stop.command_id, *stop.cancel_ids]):
                continue
            stop.cancel_ids += services.cancel_market_as_operator(stop.market_id, stop.asked_by)
            stop.swept_at = timezone.now()
            stop.save(update_fields=["cancel_ids", "swept_at"])


def resume_due() -> None:
    for stop_id in _ahead().filter(resume_at__lte=timezone.now()).values_list("pk", flat=True):
        with transaction.atomic():
            stop = _ahead().select_for_update(skip_locked=True).filter(pk=stop_id).first()
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
        command_id = services.set_market_state(stop.market, MarketState.ACTIVE, stop.asked_by)
        stop.resume_ended = f"resumed with command {command_id}"
    stop.save(update_fields=["resume_ended"])
    tell(
        Act(
            verb="resume",
            operator=stop.asked_by,
            obj=stop.market,
            words=f"as planned for {when(stop.resume_at)} UTC: {stop.resume_ended}",
            reason=stop.reason,
            command_id=command_id,
        )
    )


def unapplied(command_ids: Sequence[int]) -> int:
    return OutboxCommand.objects.filter(pk__in=command_ids, applied_seq__isnull=True).count()


def _ahead() -> QuerySet[MarketStop]:
    return MarketStop.objects.filter(resume_at__isnull=False, resume_ended="")
