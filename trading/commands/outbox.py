"""Commands that are promised in Postgres before they are published. See `OutboxCommand`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import transaction

from common.postgres.prepared import fetch_all
from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AmendConditional,
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    FundInsurance,
    SetCountdown,
    SetMarketState,
    SettleMarket,
)
from trading.commands.marks import marks_held
from trading.commands.order_command import command_of_order
from trading.commands.publisher import publish_committed
from trading.models import Order, OutboxCommand

PromisedCommand = (
    ConfigureMarket
    | SetMarketState
    | SettleMarket
    | FundInsurance
    | ActivateOrder
    | AmendOrder
    | AmendConditional
    | CancelOrder
    | CancelAllOrders
    | SetCountdown
    | AdjustMargin
)

NOT_YET = 1  # stands for the row's id until the row has one


@dataclass(frozen=True, slots=True)
class Promise:
    """A command and who asked for it. ``behind`` are orders of its market that it must not
    overtake: they are published before it, once more if they were. A key its sender used before is
    a django.db.IntegrityError."""

    market_id: str
    command: PromisedCommand
    by_id: int | None
    behind: Sequence[Order] = ()
    idempotency_key: str | None = None


# Ids are drawn in the order asked for, so that each is known to be its command's.
_INSERT = f"""
WITH promised AS MATERIALIZED (
    SELECT nextval('trading_outboxcommand_id_seq') AS id, sorted.*
      FROM (SELECT * FROM json_to_recordset(%s::json) AS p (
                position int, market_id text, command_type text, payload jsonb,
                created_by_id bigint, idempotency_key text
            ) ORDER BY position) AS sorted
), inserted AS (
    INSERT INTO trading_outboxcommand (
        id, market_id, command_type, payload, created_by_id, idempotency_key
    )
    SELECT id, market_id, command_type, payload, created_by_id, idempotency_key FROM promised
), marked AS MATERIALIZED (
    {marks_held("SELECT market_id FROM promised")}
)
SELECT promised.id, marked.market_id IS NOT NULL
  FROM promised LEFT JOIN marked USING (market_id) ORDER BY promised.position
"""  # noqa: S608  parts of the statement, no values


def promise_command(
    market_id: str,
    command: PromisedCommand,
    by_id: int | None,
    *,
    behind: Sequence[Order] = (),
    idempotency_key: str | None = None,
) -> int:
    """`promise_commands` of one."""
    promise = Promise(market_id, command, by_id, behind, idempotency_key)
    (command_id,) = promise_commands([promise])
    return command_id


def promise_commands(promises: Sequence[Promise]) -> list[int]:
    """Insert the commands' outbox rows in one statement; publish them, in their order, once the
    transaction commits, unless their market is marked (`trading.commands.backlog`). Answers their
    ids, which are set here; callers pass `NOT_YET`."""
    if not promises:
        return []
    rows = [_row_of(position, promise) for position, promise in enumerate(promises)]
    before = [[command_of_order(order) for order in promise.behind] for promise in promises]
    found = fetch_all(_INSERT, (msgspec.json.encode(rows).decode(),))
    commands = [
        (promise.market_id, command)
        for promise, first, (command_id, is_marked) in zip(promises, before, found, strict=True)
        if not is_marked
        for command in (
            *first,
            msgspec.structs.replace(promise.command, command_id=command_id),
        )
    ]
    transaction.on_commit(lambda: publish_committed(commands))
    return [command_id for command_id, _ in found]


def _row_of(position: int, promise: Promise) -> dict[str, Any]:
    payload = msgspec.to_builtins(promise.command)
    del payload["command_id"]
    return {
        "position": position,
        "market_id": promise.market_id,
        "command_type": type(promise.command).__name__,
        "payload": payload,
        "created_by_id": promise.by_id,
        "idempotency_key": promise.idempotency_key,
    }


def command_of_row(row: OutboxCommand) -> Command:
    """The command as it travels. Raises msgspec.ValidationError for a row no one here wrote."""
    command: Command = msgspec.convert({**row.payload, "command_id": row.pk}, Command)
    return command
