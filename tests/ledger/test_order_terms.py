"""An order's terms in all its forms: its row, its command, the engine's snapshot, and the snapshot
that is rebuilt from rows. A term that one of them lacks, or tells otherwise, is a finding; and each
check is shown to find one that is planted.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from msgspec import UNSET
from msgspec.structs import replace

from markets.conversions import from_ms
from matching.core.book.book import Order as BookOrder
from matching.core.market import snapshot
from matching.messages.commands import PlaceOrder
from matching.messages.holds import reserve_per_lot
from matching.messages.snapshot import EngineSnapshot, OrderRow, decode_snapshot, encode_snapshot
from matching.messages.vocabulary import (
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from persistence.models import MarketCursor
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from tests.ledger.miniature import START_TICKS, K, Miniature
from trading.commands.order_command import TERM_COLUMNS, command_of_columns, command_of_order
from trading.models import Order
from trading.orders.draft import OrderDraft
from trading.orders.hold import NOTHING_NEEDED
from trading.orders.insert import COLUMN_TYPES, Inserted, NewRow, insert_orders
from trading.orders.terms import OrderTerms

Terms = dict[str, Any]

# The other columns of an order's row: whose and what it is, and how it fares.
IDENTITY = {"id", "user_id", "market_id", "client_order_id", "terms_asked", "created_at"}
FATE = {
    "triggered_at", "held_units", "filled_lots", "cancelled_lots", "filled_cost_units", "arrival",
    "status", "reason", "updated_at",
}  # fmt: skip

# The columns that each field of the command is made of.
COMMAND_FIELDS: dict[str, tuple[str, ...]] = {
    name: (name,) for name in TERM_COLUMNS if name in PlaceOrder.__struct_fields__
}
COMMAND_FIELDS |= {
    "v": (),  # of the protocol
    "order_id": (),
    "account_id": (),
    "expires_ms": ("expires_at",),
    "trigger": (
        "trigger_kind",
        "trigger_by",
        "trigger_price_ticks",
        "trigger_callback_ppm",
        "max_slippage_ppm",
    ),
}

# What an order in the book doesn't have any more: it is a limit order whose condition was met.
NOT_OF_RESTING = {
    "order_type", "close_position", "trigger_kind", "trigger_by", "trigger_price_ticks",
    "trigger_callback_ppm", "max_slippage_ppm", "parent_id", "price_match", "other_id",
    "visible_lots",
}  # fmt: skip
OF_THE_BOOK = {"level", "newer", "older", "visible_lots", "hidden_lots"}


def told_by_command(command: PlaceOrder) -> Terms:
    trigger = command.trigger
    told = {name: getattr(command, name) for name in command.__struct_fields__}
    for name in (
        "v", "order_id", "account_id", "expires_ms", "trigger", "parent_id", "price_match",
        "other_id", "visible_lots",
    ):  # fmt: skip
        del told[name]
    return told | {
        "expires_at": from_ms(command.expires_ms),
        "parent_id": None if command.parent_id is UNSET else command.parent_id,
        "price_match": None if command.price_match is UNSET else command.price_match,
        "other_id": None if command.other_id is UNSET else command.other_id,
        "visible_lots": 0 if command.visible_lots is UNSET else command.visible_lots,
        "trigger_kind": trigger.kind if trigger else None,
        "trigger_by": trigger.by if trigger else None,
        "trigger_price_ticks": trigger.price_ticks if trigger else 0,
        "trigger_callback_ppm": trigger.callback_ppm if trigger else 0,
        "max_slippage_ppm": trigger.max_slippage_ppm if trigger else 0,
    }


def told_by_resting(row: OrderRow) -> Terms:
    size_lots = row.remaining_lots + row.filled_lots
    return {
        "side": Side.LONG if row.is_long else Side.SHORT,
        "time_in_force": TimeInForce.GTX if row.post_only else TimeInForce.GTC,
        "price_ticks": row.price_ticks,
        "size_lots": size_lots,
        "margin_units": row.named_margin_per_lot_units * size_lots,
        "leverage": row.leverage,
        "hold_units": row.reserve_per_lot_units * row.remaining_lots,
        "maker_fee_ppm": row.maker_fee_ppm,
        "taker_fee_ppm": row.taker_fee_ppm,
        "reduce_only": row.reduce_only,
        "expires_at": from_ms(row.expires_ms),
        "self_trade_prevention": row.self_trade_prevention,
    }


def told_by_row(order: Order) -> Terms:
    return {name: getattr(order, name) for name in TERM_COLUMNS}


def differences(asked: Terms, told: Mapping[str, Any], but: frozenset[str]) -> Iterator[str]:
    """Terms that are not told as they were asked; ``but`` these, which are not told at all."""
    for name in sorted(asked.keys() | told.keys()):
        if name in but and name not in told:
            continue
        if name not in asked or name not in told or asked[name] != told[name]:
            yield name


def unlisted(found: set[str], *listed: Any) -> list[str]:
    """Names that are in one of the two and not in the other."""
    return sorted(found ^ set().union(*listed))


def columns_of_row() -> set[str]:
    return {field.attname for field in Order._meta.concrete_fields}


def test_every_form_has_the_same_terms() -> None:
    assert unlisted(columns_of_row(), TERM_COLUMNS, IDENTITY, FATE) == []
    assert unlisted(set(COLUMN_TYPES), TERM_COLUMNS, {"client_order_id", "terms_asked"}) == []
    assert unlisted(set(PlaceOrder.__struct_fields__), COMMAND_FIELDS) == []
    assert unlisted(set(TERM_COLUMNS), *COMMAND_FIELDS.values()) == []
    rested = OrderRow(1, 2, True, 3, 4, 5, 6, 7, 8, 9, False, True, 0, 0, 1)
    assert unlisted(set(TERM_COLUMNS), told_by_resting(rested), NOT_OF_RESTING) == []
    # Compiled, a class has no slots, but says its attributes itself.
    of_the_book = getattr(BookOrder, "__mypyc_attrs__", None) or BookOrder.__slots__
    assert unlisted(set(of_the_book), OrderRow.__struct_fields__, OF_THE_BOOK) == []


def test_a_draft_gives_the_row_its_terms() -> None:
    terms = OrderTerms(
        Side.LONG, OrderType.LIMIT, TimeInForce.GTC, 1, 1, 0, 1, 0, False, False, 0,
        None, None, SelfTradePrevention.EXPIRE_MAKER,
    )  # fmt: skip
    columns = OrderDraft(terms, 1, NOTHING_NEEDED, 0, 0).columns()
    assert unlisted(set(columns), TERM_COLUMNS, {"client_order_id"}) == []


def test_planted_terms_of_one_form_alone_are_found() -> None:
    assert unlisted(columns_of_row() | {"display_lots"}, TERM_COLUMNS, IDENTITY, FATE) != []
    assert unlisted(columns_of_row() - {"leverage"}, TERM_COLUMNS, IDENTITY, FATE) != []
    planted = {*PlaceOrder.__struct_fields__, "display_lots"}
    assert unlisted(planted, COMMAND_FIELDS) == ["display_lots"]


# --------------------------------------------------------------- orders, and what each form tells

PLAIN: Terms = {
    "side": Side.LONG,
    "order_type": OrderType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "price_ticks": START_TICKS - 20,
    "size_lots": 40,
    "max_slippage_ppm": 0,
    "margin_units": 0,
    "leverage": 1,
    "hold_units": 0,
    "maker_fee_ppm": 0,
    "taker_fee_ppm": 0,
    "reduce_only": False,
    "close_position": False,
    "expires_at": None,
    "trigger_kind": None,
    "trigger_by": None,
    "trigger_price_ticks": 0,
    "trigger_callback_ppm": 0,
    "self_trade_prevention": SelfTradePrevention.EXPIRE_MAKER,
    "parent_id": None,
    "price_match": None,
    "other_id": None,
    "visible_lots": 0,
}
LATER = datetime(2100, 1, 1, tzinfo=UTC)
# Exactly what they need: the engine gives back what is more.
MARGIN_PER_LOT = K * START_TICKS // 5
RESERVE_PER_LOT = reserve_per_lot(
    units_per_tick_lot=K,
    taker_fee_ppm=300,
    side=Side.LONG,
    worst_ticks=START_TICKS - 20,
    mark_ticks=START_TICKS,
    named_margin_per_lot_units=0,
    leverage=5,
)
RESTING: list[Terms] = [
    PLAIN
    | {
        "time_in_force": TimeInForce.GTX,
        "leverage": 5,
        "hold_units": 40 * RESERVE_PER_LOT,
        "maker_fee_ppm": -100,
        "taker_fee_ppm": 300,
        "expires_at": LATER,
        "self_trade_prevention": SelfTradePrevention.EXPIRE_BOTH,
    },
    PLAIN
    | {
        "side": Side.SHORT,
        "price_ticks": START_TICKS + 30,
        "size_lots": 30,
        "margin_units": 30 * MARGIN_PER_LOT,
        "hold_units": 30 * MARGIN_PER_LOT,
        "visible_lots": 7,
    },
    # Finds the first one's price, which is the worst it may get.
    PLAIN
    | {
        "leverage": 5,
        "hold_units": 40 * RESERVE_PER_LOT,
        "taker_fee_ppm": 300,
        "price_match": PriceMatch.QUEUE,
    },
]
WAITING: list[Terms] = [
    PLAIN
    | {
        "side": Side.SHORT,
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.IOC,
        "max_slippage_ppm": 2_000,
        "reduce_only": True,
        "close_position": True,
        "trigger_kind": TriggerKind.STOP,
        "trigger_by": TriggerBy.LAST,
        "trigger_price_ticks": START_TICKS - 100,
        "self_trade_prevention": SelfTradePrevention.EXPIRE_TAKER,
    },
    PLAIN
    | {
        "leverage": 3,
        "expires_at": LATER,
        "trigger_kind": TriggerKind.TRAILING_STOP,
        "trigger_by": TriggerBy.MARK,
        "trigger_callback_ppm": 10_000,
    },
    # Attached to an entry that is still on its way: it sleeps.
    PLAIN
    | {
        "side": Side.SHORT,
        "reduce_only": True,
        "trigger_kind": TriggerKind.STOP,
        "trigger_by": TriggerBy.MARK,
        "trigger_price_ticks": START_TICKS + 50,
        "parent_id": 10**9,
    },
    # The other of its pair is on its way as well.
    PLAIN
    | {
        "reduce_only": True,
        "trigger_kind": TriggerKind.STOP,
        "trigger_by": TriggerBy.MARK,
        "trigger_price_ticks": START_TICKS + 50,
        "other_id": 10**9,
    },
]


def place(mini: Miniature, terms: Terms) -> int:
    """As the API does from the draft on, except that the command goes to the engine directly."""
    user_id = mini.traders[0].pk
    columns = terms | {"client_order_id": None}
    (outcome,) = insert_orders([NewRow(user_id, mini.market.pk, columns, None)])
    assert isinstance(outcome, Inserted)
    mini.say(command_of_columns(outcome.order_id, user_id, columns))
    return outcome.order_id


def test_every_form_tells_the_same(transactional_db: None, redis_db: redis.Redis) -> None:
    mini = Miniature(redis_db, seed=1, traders=1, deposits=1_000_000)
    resting = {place(mini, terms): terms for terms in RESTING}
    waiting = {place(mini, terms): terms for terms in WAITING}
    for order_id, terms in (resting | waiting).items():
        order = Order.objects.get(pk=order_id)
        assert list(differences(terms, told_by_row(order), frozenset())) == []
        command = command_of_order(order)
        assert command == command_of_columns(order_id, order.user_id, terms)
        not_told = frozenset() if order.trigger_kind else frozenset({"max_slippage_ppm"})
        assert list(differences(terms, told_by_command(command), not_told)) == []
    mini.persist()
    engine = snapshot.take(mini.engine.state, mini.input_id)
    rebuilt = engine_snapshot_of_rows(MarketCursor.objects.get(market=mini.market))
    assert rebuilt.waiting == [replace(row, peak_ticks=0) for row in engine.waiting]
    assert rebuilt.orders == engine.orders
    assert rebuilt.pairs == engine.pairs != UNSET
    assert rebuilt.icebergs == engine.icebergs != UNSET
    for form in (engine, rebuilt, started_again(engine)):
        assert {row.order_id for row in form.orders} == resting.keys()
        assert {row.command.order_id for row in form.waiting} == waiting.keys()
        for row in form.orders:
            but = frozenset(NOT_OF_RESTING)
            assert list(differences(resting[row.order_id], told_by_resting(row), but)) == []
        for one in form.waiting:
            terms = waiting[one.command.order_id]
            assert list(differences(terms, told_by_command(one.command), frozenset())) == []


def started_again(engine: EngineSnapshot) -> EngineSnapshot:
    state = snapshot.restore(decode_snapshot(encode_snapshot(engine)))
    return snapshot.take(state, engine.input_id)


def test_every_term_is_tried_with_a_value_that_says_something() -> None:
    tried = [name for terms in (*RESTING, *WAITING) for name in PLAIN if terms[name] != PLAIN[name]]
    assert unlisted(set(TERM_COLUMNS), tried) == []


@pytest.mark.parametrize("name", TERM_COLUMNS)
def test_a_planted_difference_is_found(name: str) -> None:
    """Of a term that one form forgot, and of one that it tells otherwise."""
    terms = next(terms for terms in (*WAITING, *RESTING) if terms[name] != PLAIN[name])
    told = told_by_command(command_of_columns(1, 2, terms))
    assert list(differences(terms, told, frozenset())) == []
    assert list(differences(terms, told | {name: PLAIN[name]}, frozenset())) == [name]
    forgotten = {term: value for term, value in told.items() if term != name}
    assert list(differences(terms, forgotten, frozenset())) == [name]
