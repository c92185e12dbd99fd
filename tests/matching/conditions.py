"""Conditions of conditional orders, and tiers of a market, as the scenarios name them."""

from matching.messages.commands import LeverageTier, Trigger
from matching.messages.vocabulary import TriggerBy, TriggerKind


def stop_at(price: int, by: TriggerBy = TriggerBy.MARK) -> Trigger:
    return Trigger(kind=TriggerKind.STOP, by=by, price_ticks=price)


def take_profit_at(price: int, by: TriggerBy = TriggerBy.MARK) -> Trigger:
    return Trigger(kind=TriggerKind.TAKE_PROFIT, by=by, price_ticks=price)


def trailing_stop_at(price: int = 0, *, callback_ppm: int) -> Trigger:
    """By the mark price; active at once if no price is given."""
    return Trigger(
        kind=TriggerKind.TRAILING_STOP,
        by=TriggerBy.MARK,
        price_ticks=price,
        callback_ppm=callback_ppm,
    )


def one_tier(max_leverage: int, maintenance_ppm: int = 1) -> tuple[LeverageTier, ...]:
    return (
        LeverageTier(floor_units=0, max_leverage=max_leverage, maintenance_ppm=maintenance_ppm),
    )
