"""The command that places an order, assembled here alone, from the columns of the order's row: as
it is placed and whenever it is sent again, so that both are the same command.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from markets.conversions import to_ms
from matching.messages.commands import PlaceOrder, Trigger
from matching.messages.vocabulary import (
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from trading.models import Order

# What an order's row keeps of how it was placed.
TERM_COLUMNS = (
    "side",
    "order_type",
    "time_in_force",
    "price_ticks",
    "size_lots",
    "max_slippage_ppm",
    "margin_units",
    "leverage",
    "hold_units",
    "maker_fee_ppm",
    "taker_fee_ppm",
    "reduce_only",
    "close_position",
    "expires_at",
    "trigger_kind",
    "trigger_by",
    "trigger_price_ticks",
    "trigger_callback_ppm",
    "self_trade_prevention",
    "parent_id",
    "price_match",
    "other_id",
    "visible_lots",
)


def command_of_order(order: Order) -> PlaceOrder:
    """The order's command, the same each time: the row keeps all it was placed with."""
    columns = {name: getattr(order, name) for name in TERM_COLUMNS}
    return command_of_columns(order.pk, order.user_id, columns)


def command_of_columns(order_id: int, user_id: int, columns: Mapping[str, Any]) -> PlaceOrder:
    """``columns``: those of `TERM_COLUMNS`, and any others."""
    return PlaceOrder(
        order_id=order_id,
        account_id=user_id,
        side=Side(columns["side"]),
        order_type=OrderType(columns["order_type"]),
        time_in_force=TimeInForce(columns["time_in_force"]),
        price_ticks=columns["price_ticks"],
        size_lots=columns["size_lots"],
        margin_units=columns["margin_units"],
        leverage=columns["leverage"],
        hold_units=columns["hold_units"],
        maker_fee_ppm=columns["maker_fee_ppm"],
        taker_fee_ppm=columns["taker_fee_ppm"],
        reduce_only=columns["reduce_only"],
        close_position=columns["close_position"],
        expires_ms=to_ms(columns["expires_at"]),
        trigger=_trigger_of(columns),
        parent_id=columns["parent_id"] or UNSET,
        other_id=columns["other_id"] or UNSET,
        visible_lots=columns["visible_lots"] or UNSET,
        price_match=PriceMatch(columns["price_match"]) if columns["price_match"] else UNSET,
        self_trade_prevention=SelfTradePrevention(columns["self_trade_prevention"]),
    )


def _trigger_of(columns: Mapping[str, Any]) -> Trigger | None:
    kind, by = columns["trigger_kind"], columns["trigger_by"]
    if kind is None or by is None:
        return None
    return Trigger(
        kind=TriggerKind(kind),
        by=TriggerBy(by),
        price_ticks=columns["trigger_price_ticks"],
        callback_ppm=columns["trigger_callback_ppm"],
        max_slippage_ppm=columns["max_slippage_ppm"],
    )
