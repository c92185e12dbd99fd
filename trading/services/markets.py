"""What operators do to a market. Each becomes a command to its engine."""

from http import HTTPStatus

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from exchange_site.api import ApiError
from matching.messages.commands import ConfigureMarket, MarketConfig, SetMarketState
from matching.messages.vocabulary import MarketState
from trading.models import Market, OutboxCommand
from trading.outbox import NOT_YET, promise_command


@transaction.atomic
def configure_market(market: Market, by: User | None) -> OutboxCommand:
    """Save a new or edited market and send its rules to the engine.

    Raises ValidationError, naming the field; nothing is saved then.
    """
    current = Market.objects.select_for_update().filter(pk=market.pk).first()
    market.config_version = current.config_version + 1 if current else 1
    market.full_clean(validate_unique=current is None)
    config = market_config(market)
    market.save(force_insert=current is None, force_update=current is not None)
    command = ConfigureMarket(command_id=NOT_YET, config=config)
    return promise_command(market.pk, command, by.pk if by else None)


def market_config(market: Market) -> MarketConfig:
    """The row as the engine reads it. Raises ValidationError where the contract's bounds end."""
    config = {name: getattr(market, name) for name in MarketConfig.__struct_fields__}
    try:
        return msgspec.convert(config, MarketConfig)
    except msgspec.ValidationError as error:
        text, _, name = str(error).partition(" - at `$.")
        field = name.rstrip("`")
        form_field = "tick_size" if field == "units_per_tick_lot" else field
        raise ValidationError({form_field: f"{text}."}) from error


@transaction.atomic
def set_market_state(market: Market, state: MarketState, by: User | None) -> OutboxCommand:
    """Pause, resume or restrict a market. Raises ApiError for a state no command leads to."""
    if state is MarketState.SETTLED:
        message = "A market is settled for good by a settlement, not by setting its state."
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_TRANSITION", message, "state")
    command = SetMarketState(command_id=NOT_YET, state=state)
    return promise_command(market.pk, command, by.pk if by else None)
