"""What operators do to the sources of a market's index price. The running price process reads the
rows once a second, so there is nothing to send."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from common.errors import DomainError, ErrorCode
from markets.models import Market
from prices.models import PriceSource, PriceSourceKind
from prices.sources.quote import PriceUnavailable, Quote
from prices.sources.reach import host_problem


def validate_price_source(source: PriceSource) -> None:
    """What a row must be by itself and beside its market's others. Raises ValidationError.

    A made-up price never stands beside a venue's: it could outvote it.
    """
    source.full_clean()
    if source.kind == PriceSourceKind.CCXT:
        from prices.sources.venues import venue_problem  # ccxt takes a second to import

        problem = venue_problem(source.venue)
        if problem:
            raise ValidationError({"venue": problem})
    if source.api_url:
        problem = host_problem(urlsplit(source.api_url).hostname or "", settings.PRICE_SOURCE_HOSTS)
        if problem:
            raise ValidationError({"api_url": problem})
    others = PriceSource.objects.filter(market_id=source.market_id, enabled=True)
    others = others.exclude(pk=source.pk)
    if source.enabled and (other := others.exclude(kind=source.kind).first()):
        raise ValidationError(
            f"A synthetic price can't stand beside a venue's: disable {other.name} first."
        )
    source.market.check_quorum(others.count() + source.enabled)


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
    try:
        save_price_source(source)
    except ValidationError as error:
        message = " ".join(error.messages)
        raise DomainError(ErrorCode.INVALID_PRICE_SOURCE, message) from error


def ask_price_sources(sources: Sequence[PriceSource]) -> list[Quote | PriceUnavailable]:
    """What each says now: all asked at once, on connections of their own."""

    async def ask_all() -> list[Quote | PriceUnavailable]:
        return list(await asyncio.gather(*map(_ask, sources)))

    return asyncio.run(ask_all())


async def _ask(source: PriceSource) -> Quote | PriceUnavailable:
    if source.kind != PriceSourceKind.CCXT:
        return PriceUnavailable("made up by the price process: there is no venue to ask")
    from prices.sources.venues import Endpoint, ask_once  # ccxt takes a second to import

    try:
        return await ask_once(Endpoint(source.venue, source.symbol, source.api_url))
    except PriceUnavailable as error:
        return error
