"""Commands that are promised in Postgres before they are published. See `OutboxCommand`."""

from collections.abc import Iterable

import msgspec
from django.db import transaction

from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    FundInsurance,
    PlaceOrder,
    SetCountdown,
    SetMarketState,
    SettleMarket,
    Trigger,
)
from matching.messages.vocabulary import (
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from trading.conversions import to_ms
from trading.models import Order, OutboxCommand
from trading.publisher import publish_committed

PromisedCommand = (
    ConfigureMarket
    | SetMarketState
    | SettleMarket
    | FundInsurance
    | ActivateOrder
    | AmendOrder
    | CancelOrder
    | CancelAllOrders
    | SetCountdown
    | AdjustMargin
)

NOT_YET = 1  # stands for the row's id until the row has one


def promise_command(
    market_id: str,
    command: PromisedCommand,
    by_id: int | None,
    *,
    behind: Iterable[Order] = (),
) -> OutboxCommand:
    """Insert the command's outbox row and publish it once the transaction commits.

    Its ``command_id`` is set here; callers pass `NOT_YET`. ``behind`` are orders it must not
    overtake: they are published before it, once more if they were.
    """
    payload = msgspec.to_builtins(command)
    del payload["command_id"]
    row = OutboxCommand.objects.create(
        market_id=market_id,
        command_type=type(command).__name__,
        payload=payload,
        created_by_id=by_id,
    )
    commands = [*map(command_of_order, behind), command_of_row(row)]
    transaction.on_commit(lambda: publish_committed(market_id, *commands))
    return row


def command_of_row(row: OutboxCommand) -> Command:
    """The command as it travels. Raises msgspec.ValidationError for a row no one here wrote."""
    command: Command = msgspec.convert({**row.payload, "command_id": row.pk}, Command)
    return command


def command_of_order(order: Order) -> PlaceOrder:
    """The order's command, the same each time: the row keeps all it was placed with."""
    return PlaceOrder(
        order_id=order.pk,
        account_id=order.user_id,
        side=Side(order.side),
        order_type=OrderType(order.order_type),
        time_in_force=TimeInForce(order.time_in_force),
        price_ticks=order.price_ticks,
        size_lots=order.size_lots,
        margin_units=order.margin_units,
        leverage=order.leverage,
        hold_units=order.hold_units,
        maker_fee_ppm=order.maker_fee_ppm,
        taker_fee_ppm=order.taker_fee_ppm,
        reduce_only=order.reduce_only,
        close_position=order.close_position,
        expires_ms=to_ms(order.expires_at),
        trigger=_trigger_of(order),
        self_trade_prevention=SelfTradePrevention(order.self_trade_prevention),
    )


def _trigger_of(order: Order) -> Trigger | None:
    if order.trigger_kind is None or order.trigger_by is None:
        return None
    return Trigger(
        kind=TriggerKind(order.trigger_kind),
        by=TriggerBy(order.trigger_by),
        price_ticks=order.trigger_price_ticks,
        callback_ppm=order.trigger_callback_ppm,
    )
