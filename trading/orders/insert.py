"""Orders into Postgres, one or many, in one statement: locked, judged, inserted, held, journalled.

The statement locks the wallets of its orders before it does anything else (`ledger.holds`); as a
client order id is unique within its user, nobody waits for an id either.

Money is judged by the wallet as it is under that lock. If all orders of a user fit, all are
placed; if their sum doesn't, none of them is, without harm to those of others, and the caller tries
them one by one. A client order id that is taken inserts nothing and moves nothing: its key is taken
first, in `OrderName`, and the order follows it. The wallet's CHECK constraint stands behind all of
it.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import IntegrityError, connection, transaction

from common.postgres.constraints import constraint_of
from common.postgres.prepared import fetch_all
from ledger.holds import (
    NEXT_ENTRY_ID,
    OVERDRAWN,
    available_units,
    moved_to_held,
    wallets_locked,
)
from matching.messages.vocabulary import OrderStatus
from trading.commands.marks import marks_held


@dataclass(frozen=True, slots=True)
class NewRow:
    """``columns``: as `trading.orders.draft.OrderDraft.columns` gives them. ``order_id``: drawn
    before, where others of the statement name it."""

    user_id: int
    market_id: str
    columns: dict[str, Any]
    terms_asked: dict[str, Any] | None
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Inserted:
    """``is_marked``: it waits behind others of its market that are not published yet."""

    order_id: int
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class ClientOrderIdTaken:
    pass


@dataclass(frozen=True, slots=True)
class NotEnough:
    """What its user had available for all orders of the statement together."""

    available_units: int


@dataclass(frozen=True, slots=True)
class NoWallet:
    pass


Outcome = Inserted | ClientOrderIdTaken | NotEnough | NoWallet

# The columns an order comes with, and their types. Those of `trading.commands.order_command`
# are what it is placed with.
COLUMN_TYPES = {
    "client_order_id": "text",
    "side": "text",
    "order_type": "text",
    "time_in_force": "text",
    "price_ticks": "bigint",
    "size_lots": "bigint",
    "max_slippage_ppm": "int",
    "margin_units": "bigint",
    "leverage": "int",
    "reduce_only": "boolean",
    "close_position": "boolean",
    "maker_fee_ppm": "int",
    "taker_fee_ppm": "int",
    "expires_at": "timestamptz",
    "trigger_kind": "text",
    "trigger_by": "text",
    "trigger_price_ticks": "bigint",
    "trigger_callback_ppm": "int",
    "self_trade_prevention": "text",
    "parent_id": "bigint",
    "price_match": "text",
    "other_id": "bigint",
    "visible_lots": "bigint",
    "terms_asked": "jsonb",
    "hold_units": "bigint",
}
_COLUMNS = ", ".join(COLUMN_TYPES)
_TYPED_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in COLUMN_TYPES.items())

# One parameter however many orders: JSON is cheaper to write here than thirty arrays, and the
# statement, prepared once per connection, is planned once. `nextval` runs in the order asked for.
_INSERT_WITH_HOLDS = f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s::json) AS o (
        position int, order_id bigint, user_id bigint, market_id text, {_TYPED_COLUMNS}
    )
), wallet AS MATERIALIZED (
    {wallets_locked("IN (SELECT user_id FROM asked)")}
), needed AS (
    SELECT user_id, sum(hold_units) AS total_units FROM asked GROUP BY user_id
), fitting AS MATERIALIZED (
    SELECT coalesce(sorted.order_id, nextval('trading_order_id_seq')) AS id, sorted.*
      FROM (SELECT asked.* FROM asked JOIN wallet USING (user_id) JOIN needed USING (user_id)
             WHERE wallet.available_units >= needed.total_units OR needed.total_units = 0
             ORDER BY asked.position) AS sorted
), named AS (
    INSERT INTO trading_ordername (user_id, order_id, client_order_id)
    SELECT user_id, id, client_order_id FROM fitting WHERE client_order_id IS NOT NULL
    ON CONFLICT (user_id, client_order_id) DO NOTHING
    RETURNING order_id
), placed AS (
    INSERT INTO trading_order (
        id, user_id, market_id, {_COLUMNS}, held_units, status, created_at, updated_at
    )
    SELECT id, user_id, market_id, {_COLUMNS}, hold_units, '{OrderStatus.PENDING}', now(), now()
      FROM fitting WHERE client_order_id IS NULL OR id IN (SELECT order_id FROM named)
    RETURNING id, user_id, market_id, hold_units, created_at
), holding AS MATERIALIZED (
    SELECT {NEXT_ENTRY_ID} AS entry_id, placed.*
      FROM placed WHERE hold_units > 0
), marked AS MATERIALIZED (
    {marks_held("SELECT market_id FROM asked")}
), {moved_to_held("holding")}
SELECT asked.position, placed.id, fitting.id IS NOT NULL, wallet.available_units,
       marked.market_id IS NOT NULL
  FROM asked
  LEFT JOIN wallet USING (user_id)
  LEFT JOIN fitting USING (position)
  LEFT JOIN placed ON placed.id = fitting.id
  LEFT JOIN marked ON marked.market_id = asked.market_id
"""  # noqa: S608  parts of the statement, no values

_encode = msgspec.json.Encoder().encode


def insert_orders(orders: Sequence[NewRow]) -> list[Outcome]:
    """Outcomes in their order. One statement, and a transaction of its
    own unless one is open. Raises django.db.Error, and has changed nothing then, unless the
    connection was lost on the way."""
    rows = [_row(position, order) for position, order in enumerate(orders)]
    # Inside another transaction it needs a savepoint to fail alone.
    savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with savepoint:
            found = fetch_all(_INSERT_WITH_HOLDS, (_encode(rows).decode(),))
    except IntegrityError as error:
        # The constraint stands behind the judgement: many at one wallet at once come to it. Of
        # several orders, which of them it was is found by trying each alone.
        if len(orders) > 1 or constraint_of(error) != OVERDRAWN:
            raise
        return [NotEnough(available_units(orders[0].user_id))]
    outcomes: list[Outcome] = [NoWallet()] * len(rows)
    for position, order_id, fits, available, is_marked in found:
        if order_id is not None:
            outcomes[position] = Inserted(order_id, is_marked)
        elif fits:
            outcomes[position] = ClientOrderIdTaken()
        elif available is not None:
            outcomes[position] = NotEnough(available)
    return outcomes


def _row(position: int, order: NewRow) -> dict[str, Any]:
    return {
        "position": position,
        "order_id": order.order_id,
        "user_id": order.user_id,
        "market_id": order.market_id,
        **order.columns,
        "terms_asked": order.terms_asked,
    }
