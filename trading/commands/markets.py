"""What operators do to a market. Each becomes a command to its engine."""

from collections.abc import Sequence

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.families.services import family_ids
from accounts.models import User
from common.errors import DomainError, ErrorCode
from common.postgres.constraints import constraint_of
from markets.config import market_config
from markets.conversions import to_ticks
from markets.models import LeverageTier, Market, MarketStatus
from matching.messages.commands import (
    ConfigureMarket,
    SetMarketState,
    SettleMarket,
)
from matching.messages.vocabulary import MarketState
from trading import selectors
from trading.commands.outbox import NOT_YET, promise_command
from trading.commands.versions import Why, keep_version

# Of a market that is made without tiers: floor, leverage, maintenance margin.
DEFAULT_TIERS = ((0, 20, 20_000),)
UNEXPLAINED = Why()


@transaction.atomic
def configure_market(
    market: Market,
    by: User | None,
    tiers: Sequence[LeverageTier] | None = None,
    why: Why = UNEXPLAINED,
) -> int:
    """Save a new or edited market, send its rules to the engine, and keep them as a version.

    ``tiers`` replace the market's; without them it keeps what it has, and a new one gets
    `DEFAULT_TIERS`. Raises ValidationError, naming the field, and DomainError where others changed
    the rules since ``market`` was read; nothing is saved then.
    """
    current = Market.objects.select_for_update().filter(pk=market.pk).first()
    if current and market._state.adding:
        raise _made_by_others(market)
    if current and market.config_version != current.config_version:
        raise rules_changed(current)
    market.config_version = current.config_version + 1 if current else 1
    market.full_clean(validate_unique=current is None)
    if tiers is None:
        tiers = list(current.tiers.all()) if current else _default_tiers()
    config = market_config(market, tiers)
    _save(market, is_new=current is None)
    LeverageTier.objects.filter(market=market).delete()
    LeverageTier.objects.bulk_create(
        LeverageTier(market=market, **_tier_values(tier)) for tier in tiers
    )
    command = ConfigureMarket(command_id=NOT_YET, config=config)
    command_id = promise_command(market.pk, command, by.pk if by else None)
    keep_version(market, tiers, command_id, by, why)
    return command_id


def rules_changed(market: Market) -> DomainError:
    message = (
        f"The rules of {market.pk} are at version {market.config_version} by now: somebody changed "
        "them since you opened this page. Open it anew."
    )
    return DomainError(ErrorCode.RULES_CHANGED, message)


def _save(market: Market, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            market.save(force_insert=is_new, force_update=not is_new)
    except IntegrityError as error:
        if not is_new or constraint_of(error) != "markets_market_pkey":
            raise
        raise _made_by_others(market) from error


def _made_by_others(market: Market) -> ValidationError:
    return ValidationError({"id": f"Somebody made {market.pk} just now."})


def _default_tiers() -> list[LeverageTier]:
    return [
        LeverageTier(floor_units=floor, max_leverage=leverage, maintenance_ppm=ppm)
        for floor, leverage, ppm in DEFAULT_TIERS
    ]


def _tier_values(tier: LeverageTier) -> dict[str, int]:
    return {
        "floor_units": tier.floor_units,
        "max_leverage": tier.max_leverage,
        "maintenance_ppm": tier.maintenance_ppm,
    }


@transaction.atomic
def set_market_state(market: Market, state: MarketState, by: User | None) -> int:
    """Pause, resume or restrict a market. Raises DomainError for a state no command leads to."""
    if state is MarketState.SETTLED:
        message = "A market is settled for good by a settlement, not by setting its state."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message, "state")
    current = _recorded_state(market)
    if current.has_ended and (current, state) != (MarketState.SETTLED, MarketState.DELISTED):
        message = f"{market.pk} is {current}, for good."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message, "state")
    if state is MarketState.DELISTED and current is not MarketState.SETTLED:
        message = f"{market.pk} is {current}: settle it before it is delisted."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message, "state")
    command = SetMarketState(command_id=NOT_YET, state=state)
    return promise_command(market.pk, command, by.pk if by else None)


def _recorded_state(market: Market) -> MarketState:
    status = MarketStatus.objects.filter(pk=market.pk).first()
    return MarketState(status.state) if status else MarketState.PRE_OPEN


@transaction.atomic
def settle_market(market: Market, price: object, by: User | None) -> int:
    """Close every position at this price and the market for good. Raises DomainError, also for an
    operator with a position there: the price would be of their own choosing.

    ``price`` is in the quote currency, a number or its text.
    """
    price_ticks = check_settlement(market, price, by)
    command = SettleMarket(command_id=NOT_YET, price_ticks=price_ticks)
    return promise_command(market.pk, command, by.pk if by else None)


def check_settlement(market: Market, price: object, by: AbstractUser | None) -> int:
    """The price in ticks. Raises DomainError as `settle_market` does, before anything is done."""
    if _recorded_state(market).has_ended:
        message = f"{market.pk} is settled already."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    own = family_ids(by.pk) if by else []
    if by and any(selectors.open_position(user_id, market.pk) for user_id in own):
        message = f"{by.get_username()} has a position in {market.pk}: another operator settles it."
        raise DomainError(ErrorCode.OWN_POSITION, message)
    return to_ticks(price, market.tick_size)
