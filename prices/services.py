"""What operators do to the sources of a market's index price. The running price process reads the
rows once a second, so there is nothing to send."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import transaction

from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose, waiting_proposal
from common.errors import DomainError, ErrorCode
from common.outgoing.reach import host_problem
from markets.models import Market
from matching.messages.vocabulary import MarketState
from prices.models import PriceSource, PriceSourceKind
from prices.sources.quote import Endpoint, PriceUnavailable, Quote


def validate_price_source(source: PriceSource) -> None:
    """What a row must be by itself and beside its market's others. Raises ValidationError.

    A made-up price never stands beside a venue's: it could outvote it.
    """
    source.full_clean()
    check_where_it_leads(source)
    others = PriceSource.objects.filter(market_id=source.market_id, enabled=True)
    others = others.exclude(pk=source.pk)
    if source.enabled and (other := others.exclude(kind=source.kind).first()):
        raise ValidationError(
            f"A synthetic price can't stand beside a venue's: disable {other.name} first."
        )
    source.market.check_quorum(others.count() + source.enabled)


def check_where_it_leads(source: PriceSource) -> None:
    """A venue that is known, at an address that may be asked. Raises ValidationError."""
    if source.kind == PriceSourceKind.CCXT:
        from prices.sources.venues import venue_problem  # ccxt takes a second to import

        problem = venue_problem(source.venue)
        if problem:
            raise ValidationError({"venue": problem})
    if source.api_url:
        host = urlsplit(source.api_url).hostname or ""
        problem = host_problem(host, settings.PRICE_SOURCE_HOSTS, "PRICE_SOURCE_HOSTS")
        if problem:
            raise ValidationError({"api_url": problem})


@transaction.atomic
def save_price_source(source: PriceSource) -> None:
    """Save a new or edited source. Raises ValidationError; nothing is saved then."""
    # The market's row is the lock: two operators can't each disable the other half of a quorum.
    source.market = Market.objects.select_for_update().get(pk=source.market_id)
    validate_price_source(source)
    source.save()


def set_price_source_enabled(source: PriceSource, enabled: bool) -> None:
    """Raises DomainError if the market can't do without it, or not with it."""
    source.enabled = enabled
    _save_or_refuse(source)


def _save_or_refuse(source: PriceSource) -> None:
    try:
        save_price_source(source)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> DomainError:
    return DomainError(ErrorCode.INVALID_PRICE_SOURCE, " ".join(error.messages))


# --- two people -----------------------------------------------------------------------------------

CHANGE = "change_price_source"
# Not yet, or no more. A halted market is not among them: it goes on from where it was.
_UNTRADED = (MarketState.PRE_OPEN, MarketState.SETTLED, MarketState.DELISTED)
_FIELDS = ("venue", "symbol", "api_url", "weight", "enabled")


def takes_two(source: PriceSource) -> bool:
    """Whether a change of it is for a second operator to approve: while traders can trade on it."""
    return source.market.status.state not in _UNTRADED and policy.needs_second(CHANGE)


def waiting_change(source: PriceSource) -> Proposal | None:
    return waiting_proposal(CHANGE, str(source.pk)) if source.pk else None


def switch_or_propose(
    source: PriceSource, enabled: bool, reason: str, by: AbstractUser
) -> Proposal | None:
    """Raises DomainError as `set_price_source_enabled` does, and `propose`."""
    if not takes_two(source) or source.enabled == enabled:
        set_price_source_enabled(source, enabled)
        return None
    source.enabled = enabled
    words = ("no", "yes") if enabled else ("yes", "no")
    return propose_change(source, [Change("enabled", *words)], reason, by)


def propose_change(
    source: PriceSource, changes: Sequence[Change], reason: str, by: AbstractUser
) -> Proposal:
    """The edited source, which is saved already but for its edits. Raises DomainError."""
    try:
        validate_price_source(source)
    except ValidationError as error:
        raise _refusal(error) from error
    now = PriceSource.objects.get(pk=source.pk)
    return propose(
        CHANGE,
        subject=str(source.pk),
        title=f"Price source {now}",
        changes=changes,
        payload={
            "source": source.pk,
            "before": _values(now),
            "after": _values(source),
        },
        reason=reason,
        author=by,
    )


def _values(source: PriceSource) -> dict[str, Any]:
    return {name: getattr(source, name) for name in _FIELDS}


def _change(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:  # noqa: ARG001  as all of them
    said = proposal.payload
    source = PriceSource.objects.select_for_update().get(pk=said["source"])
    if _values(source) != said["before"]:
        raise outdated()
    for name, value in said["after"].items():
        setattr(source, name, value)
    _save_or_refuse(source)
    return ApprovalOutcome(f"{source}: {proposal.differences}")


register(
    Action(
        CHANGE,
        "Change a price source of a traded market",
        "prices.change_pricesource",
        _change,
        proposed_by=("prices.add_pricesource", "prices.change_pricesource"),
    )
)


def ask_price_sources(
    sources: Sequence[PriceSource], within_s: float | None = None
) -> list[Quote | PriceUnavailable]:
    """What each says now: all asked at once, on connections of their own; whoever asks waits no
    longer than ``within_s``, or than a venue's first answer may take."""

    async def ask_all() -> list[Quote | PriceUnavailable]:
        return list(await asyncio.gather(*(_ask(source, within_s) for source in sources)))

    return asyncio.run(ask_all())


async def _ask(source: PriceSource, within_s: float | None) -> Quote | PriceUnavailable:
    if source.kind != PriceSourceKind.CCXT:
        return PriceUnavailable("made up by the price process: there is no venue to ask")
    from prices.sources.venues import ask_once  # ccxt takes a second to import

    try:
        async with asyncio.timeout(within_s):
            return await ask_once(Endpoint(source.venue, source.symbol, source.api_url))
    except TimeoutError:
        return PriceUnavailable(f"no answer within {within_s:g} s")
    except PriceUnavailable as error:
        return error
