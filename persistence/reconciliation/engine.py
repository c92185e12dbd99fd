"""The engine ③ against the rows of ⑤, at the same sequence.

The engine is usually ahead of the ledger's cursor. Being deterministic, it can be asked for any
past sequence whose input is still stored: `matching.runtime.replay.state_at`. Where that can't be
done (streams lost or trimmed, a new starting point made meanwhile) nothing is claimed either way:
the market is "not compared", with the reason.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import redis
from django.core.exceptions import ObjectDoesNotExist

from matching.messages.commands import PlaceOrder
from matching.messages.snapshot import EngineSnapshot, OrderRow, PositionRow
from matching.messages.streams import epoch_key, output_stream, seq_of
from matching.messages.vocabulary import OrderStatus
from matching.runtime.replay import ReplayImpossible, state_at
from persistence.models import MarketCursor
from persistence.reconciliation.differences import Difference
from persistence.recovery.continuity import input_id_of
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from persistence.recovery.starting_points import missing_starting_point
from trading.models import Order, OutboxCommand

CHECK = "engine"
START_INPUT_ID = "0-0"
ENTRIES_SEARCHED = 1_000  # of the output stream, for the entry the cursor names

# All of a snapshot is compared, but where it stands, what begins anew in one of rows
# (`persistence.recovery.rebuilt_snapshot`), and what is compared row by row or as a sum.
_NOT_PLAIN = (
    "seq",
    "input_id",
    "basis",
    "stuck",
    "last_arrival",
    "wallets_units",
    "recent_orders",
    "recent_commands",
    "positions",
    "orders",
    "waiting",
)
_PLAIN_FIELDS = tuple(n for n in EngineSnapshot.__struct_fields__ if n not in _NOT_PLAIN)
# An arrival is a place in a queue: rows know those of open orders, and only their order counts.
_ORDER_FIELDS = tuple(name for name in OrderRow.__struct_fields__ if name != "arrival")
_POSITION_FIELDS = PositionRow.__struct_fields__
# Of a conditional order. Rows don't know the best price that a trailing stop has seen, and money
# that comes for one that fired is on its way with a command of its own.
_WAITING_FIELDS = (
    *(name for name in PlaceOrder.__struct_fields__ if name != "hold_units"),
    "is_triggered",
)


class RowsOfEngine(NamedTuple):
    """What the rows say of a market, read in one snapshot of the database.

    ``unreadable`` says why they describe no engine at all, where they don't.
    """

    cursor: MarketCursor
    state: EngineSnapshot | None
    unreadable: str
    pending_order_ids: frozenset[int]
    unapplied_command_ids: frozenset[int]


class Comparison(NamedTuple):
    """``not_compared`` is why, where rows and engine could not be compared."""

    market_id: str
    seq: int
    differences: list[Difference]
    not_compared: str = ""


def read_market_rows(cursor: MarketCursor) -> RowsOfEngine:
    """Raises DatabaseError. Rows no engine could have written are an answer, not a fault."""
    state, unreadable = None, ""
    try:
        state = engine_snapshot_of_rows(cursor)
    except (ObjectDoesNotExist, ValueError, ArithmeticError, msgspec.MsgspecError) as error:
        unreadable = f"{type(error).__name__}: {error}"
    pending = Order.objects.filter(market_id=cursor.market_id, status=OrderStatus.PENDING)
    unapplied = OutboxCommand.objects.filter(market_id=cursor.market_id, applied_seq__isnull=True)
    return RowsOfEngine(
        cursor,
        state,
        unreadable,
        frozenset(pending.values_list("pk", flat=True)),
        frozenset(unapplied.values_list("pk", flat=True)),
    )


class _NotComparable(Exception):
    """Nothing can be said of rows and engine; the text is why."""


def compare_with_engine(client: redis.Redis, rows: RowsOfEngine) -> Comparison:
    """Replays the engine to the rows' sequence; the rows may have moved on meanwhile."""
    market_id, seq = rows.cursor.market_id, rows.cursor.seq
    try:
        return Comparison(market_id, seq, list(_compare(client, rows)))
    except (_NotComparable, ReplayImpossible) as error:
        return Comparison(market_id, seq, [], str(error))
    except redis.RedisError as error:
        return Comparison(market_id, seq, [], f"Redis does not answer: {error}")


def _compare(client: redis.Redis, rows: RowsOfEngine) -> Iterator[Difference]:
    market_id = rows.cursor.market_id
    if rows.state is None:
        yield Difference(CHECK, market_id, "rows", "a state of an engine", rows.unreadable)
        return
    epoch = client.get(epoch_key(market_id))
    moved = _moved_cursor(client, rows.cursor)
    if moved is not None:
        yield moved
        return
    fault = missing_starting_point(market_id)
    if fault:
        raise _NotComparable(fault)
    engine = state_at(client, market_id, rows.cursor.seq)
    if client.get(epoch_key(market_id)) != epoch:
        raise _NotComparable("a new starting point was made meanwhile")
    yield from _differences(market_id, engine, rows.state, rows)


def _moved_cursor(client: redis.Redis, cursor: MarketCursor) -> Difference | None:
    """The input the cursor names was published under another sequence: one of the two was changed.

    Not found says nothing: the entry is trimmed, or Redis lost it.
    """
    low, high = max(1, cursor.seq - ENTRIES_SEARCHED // 2), cursor.seq + ENTRIES_SEARCHED // 2
    key = output_stream(cursor.market_id)
    around: Any = client.xrange(key, min=f"{low}-0", max=f"{high}-0", count=ENTRIES_SEARCHED)
    newest: Any = client.xrevrange(key, count=1)
    for raw_id, fields in (*around, *newest):
        published_seq = seq_of(raw_id)
        if published_seq != cursor.seq and input_id_of(fields) == cursor.input_id:
            subject = f"cursor at input {cursor.input_id}"
            return Difference(
                CHECK,
                cursor.market_id,
                subject,
                f"sequence {published_seq}",
                f"sequence {cursor.seq}",
            )
    return None


def _differences(
    market_id: str, engine: EngineSnapshot, state: EngineSnapshot, rows: RowsOfEngine
) -> Iterator[Difference]:
    def difference(subject: str, expected: object, found: object) -> Difference:
        return Difference(CHECK, market_id, subject, str(expected), str(found))

    # After a loss of Redis the input begins anew, while the cursor remembers the old one.
    if engine.input_id not in {START_INPUT_ID, state.input_id}:
        yield difference("input of the cursor's sequence", engine.input_id, state.input_id)
    for name in _PLAIN_FIELDS:
        expected, found = getattr(engine, name), getattr(state, name)
        if expected != found:
            yield difference(name.replace("_", " "), expected, found)
    positions = _unequal_rows(engine.positions, state.positions, "account_id", _POSITION_FIELDS)
    for account_id, expected, found in positions:
        yield difference(f"position of user {account_id}", expected, found)
    for order_id, expected, found in _unequal_rows(
        engine.orders, state.orders, "order_id", _ORDER_FIELDS
    ):
        yield difference(f"open order {order_id}", expected, found)
    waiting, ours = _waiting_rows(engine), _waiting_rows(state)
    for order_id, expected, found in _unequal_rows(waiting, ours, "order_id", _WAITING_FIELDS):
        yield difference(f"waiting order {order_id}", expected, found)
    yield from _queue_differences(market_id, "book", engine.orders, state.orders)
    yield from _queue_differences(market_id, "queue of waiting orders", waiting, ours)
    for order_id in sorted(rows.pending_order_ids.intersection(engine.recent_orders.ids)):
        yield difference(f"order {order_id}", "applied by the engine", "pending")
    for command_id in sorted(rows.unapplied_command_ids.intersection(engine.recent_commands.ids)):
        yield difference(f"command {command_id}", "applied by the engine", "not applied")


def _unequal_rows(
    expected: list[Any], found: list[Any], key: str, fields: tuple[str, ...]
) -> Iterator[tuple[int, str, str]]:
    """Key, and what is different about the two rows under it."""
    ours = {getattr(row, key): row for row in found}
    theirs = {getattr(row, key): row for row in expected}
    for number in sorted(ours.keys() | theirs.keys()):
        left, right = theirs.get(number), ours.get(number)
        if left is None or right is None:
            yield number, _row_text(left, fields), _row_text(right, fields)
            continue
        unequal = tuple(name for name in fields if getattr(left, name) != getattr(right, name))
        if unequal:
            yield number, _row_text(left, unequal), _row_text(right, unequal)


def _row_text(row: Any, fields: tuple[str, ...]) -> str:
    if row is None:
        return "none"
    return ", ".join(f"{name.replace('_', ' ')} {getattr(row, name)}" for name in fields)


def _waiting_rows(state: EngineSnapshot) -> list[Any]:
    """Flat, each with what its command says."""
    return [
        SimpleNamespace(is_triggered=row.is_triggered, **msgspec.structs.asdict(row.command))
        for row in state.waiting
    ]


def _queue_differences(
    market_id: str, queue: str, expected: list[Any], found: list[Any]
) -> Iterator[Difference]:
    """The first order that another stands before; only where both have the same orders."""
    theirs, ours = [row.order_id for row in expected], [row.order_id for row in found]
    if sorted(theirs) != sorted(ours):
        return
    for place, (left, right) in enumerate(zip(theirs, ours, strict=True), 1):
        if left != right:
            subject = f"place {place} in the {queue}"
            yield Difference(CHECK, market_id, subject, f"order {left}", f"order {right}")
            return
