"""A market is made with its price sources, and opened when nothing is missing, or all the same."""

from collections.abc import Sequence
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.staff.operators import operator_of
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of
from console.launch.checklist import checklist
from console.launch.models import MarketLaunch
from markets.models import LeverageTier, Market, MarketStatus
from matching.messages.vocabulary import MarketState
from prices.models import PriceSource, PriceSourceKind
from prices.services import save_price_source
from trading import services
from trading.models import OutboxCommand

WHY = services.Why("a new market")


@transaction.atomic
def launch_market(
    request: HttpRequest,
    market: Market,
    tiers: Sequence[LeverageTier],
    sources: Sequence[PriceSource],
    reference_price: Decimal,
) -> None:
    """All of it or nothing. Raises ValidationError."""
    operator = operator_of(request)
    market.sources_to_come = len(sources)
    command_id = services.configure_market(market, operator, tiers, WHY)
    for source in sources:
        source.market = market
        if source.kind == PriceSourceKind.SYNTHETIC:
            source.home_price = reference_price
        save_price_source(source)
    MarketLaunch.objects.create(
        market=market,
        reference_price=reference_price,
        made_by=operator,
        made_at=timezone.now(),
    )
    names = ", ".join(source.name for source in sources) or "none"
    words = f"made with {len(tiers)} tiers; price sources: {names}"
    act = Act(verb=Verb.LAUNCHED, request=request, obj=market, words=words, command_id=command_id)
    tell(act)


@transaction.atomic
def open_market(request: HttpRequest, market_id: str, reason: str, *, all_the_same: bool) -> int:
    """The command's id. ``all_the_same``: without what the checklist lacks and could be gone
    without. Raises DomainError."""
    market = Market.objects.select_for_update().get(pk=market_id)
    reason = reason_of(reason)
    if MarketStatus.objects.get(pk=market_id).state != MarketState.PRE_OPEN or _is_asked(market):
        message = f"{market.pk} has been opened already."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    missing = [line for line in checklist(market) if not line.is_done]
    hard = [line for line in missing if line.is_needed]
    if hard or (missing and not all_the_same):
        which = "; ".join(f"{line.what}: {line.found}" for line in hard or missing)
        message = f"{market.pk} can't open yet. {which}."
        if not hard:
            message = f"Not everything is there. {which}. Open it all the same, or see to them."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    command_id = services.set_market_state(market, MarketState.ACTIVE, operator_of(request))
    words = [f"{line.what}: {line.found}" for line in missing]
    MarketLaunch.objects.update_or_create(
        market=market,
        defaults={
            "opened_by": operator_of(request),
            "opened_at": timezone.now(),
            "reason": reason,
            "missing": words,
            "command_id": command_id,
        },
    )
    said = "asked for ACTIVE" + "".join(f"\nwithout {one}" for one in words)
    tell(
        Act(
            verb=Verb.OPENED,
            request=request,
            obj=market,
            words=said,
            reason=reason,
            command_id=command_id,
        )
    )
    return command_id


def _is_asked(market: Market) -> bool:
    """Somebody was quicker, and its engine has not answered yet."""
    return OutboxCommand.objects.filter(
        market=market, command_type="SetMarketState", applied_seq__isnull=True
    ).exists()


def refusal(error: ValidationError) -> list[str]:
    """What is wrong, field by field where it says which."""
    if hasattr(error, "error_dict"):
        return [f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
    return list(error.messages)
