"""A market's row and tiers as its engine reads them."""

from collections.abc import Sequence

import msgspec
from django.core.exceptions import ValidationError

from markets.models import LeverageTier, Market
from matching.messages import commands
from matching.messages.commands import MarketConfig
from matching.messages.tiers import tiers_are_sound


def market_config(market: Market, tiers: Sequence[LeverageTier] | None = None) -> MarketConfig:
    """With the stored tiers, or with those given. Raises ValidationError where the contract's
    bounds end."""
    rows = sorted(market.tiers.all() if tiers is None else tiers, key=lambda row: row.floor_units)
    names = (name for name in MarketConfig.__struct_fields__ if name != "tiers")
    values = {name: getattr(market, name) for name in names}
    values["tiers"] = [
        {name: getattr(row, name) for name in commands.LeverageTier.__struct_fields__}
        for row in rows
    ]
    try:
        config = msgspec.convert(values, MarketConfig)
    except msgspec.ValidationError as error:
        text, _, name = str(error).partition(" - at `$.")
        field = name.rstrip("`")
        if field.startswith("tiers"):
            raise ValidationError(f"Leverage tiers: {text}.") from error
        form_field = "tick_size" if field == "units_per_tick_lot" else field
        raise ValidationError({form_field: f"{text}."}) from error
    if not tiers_are_sound(config):
        raise ValidationError(
            "Leverage tiers begin at 0; from tier to tier the floor and the maintenance margin "
            "rise and the leverage does not; maintenance margin is below 1 / leverage, and with "
            "the liquidation fee below 100 %."
        )
    return config
