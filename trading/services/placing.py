"""① An order's first step: its money held and its row inserted in one statement, then published."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.db import IntegrityError, connection, transaction

from exchange_site.api import ApiError
from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import OrderStatus, OrderType
from trading.market_rules import MarketRules, market_rules, market_ticker
from trading.models import Order
from trading.publisher import publish_committed
from trading.selectors import has_amendments, trader_standing
from trading.services.drafting import OrderDraft, draft_order
from trading.services.holding import explain_refusal
from trading.services.terms import NewOrder, OrderTerms, read_terms


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """``repeated``: the client order id was known, and this is the first order under it."""

    order_id: int
    status: OrderStatus
    repeated: bool = False


# Of an order that was amended they are no longer what it was placed with.
AMENDABLE = frozenset({"price_ticks", "size_lots", "margin_units"})

# With `holding`, the only places outside `ledger` that name its tables. The wallet's CHECK
# constraint refuses what would overdraw it, and with it the whole statement; a client order id that
# is taken inserts nothing and moves nothing.
_INSERT_WITH_HOLD = """
WITH placed AS (
    INSERT INTO trading_order (
        user_id, market_id, client_order_id, side, order_type, time_in_force, price_ticks,
        size_lots, margin_units, leverage, reduce_only, close_position, maker_fee_ppm,
        taker_fee_ppm, expires_at, trigger_kind, trigger_by, trigger_price_ticks,
        trigger_callback_ppm, self_trade_prevention, hold_units, held_units, status, created_at,
        updated_at
    ) VALUES (
        %(user_id)s, %(market_id)s, %(client_order_id)s, %(side)s, %(order_type)s,
        %(time_in_force)s, %(price_ticks)s, %(size_lots)s, %(margin_units)s, %(leverage)s,
        %(reduce_only)s, %(close_position)s, %(maker_fee_ppm)s, %(taker_fee_ppm)s,
        %(expires_at)s::timestamptz, %(trigger_kind)s, %(trigger_by)s, %(trigger_price_ticks)s,
        %(trigger_callback_ppm)s, %(self_trade_prevention)s, %(hold_units)s, %(hold_units)s,
        'pending', now(), now()
    )
    ON CONFLICT (user_id, client_order_id) WHERE client_order_id IS NOT NULL DO NOTHING
    RETURNING id, user_id, market_id, hold_units, created_at
), wallet AS (
    UPDATE ledger_wallet
       SET available_units = available_units - placed.hold_units,
           held_units = ledger_wallet.held_units + placed.hold_units
      FROM placed
     WHERE ledger_wallet.user_id = placed.user_id AND placed.hold_units > 0
), entry AS (
    INSERT INTO ledger_journalentry (kind, market_id, order_id, created_at)
    SELECT 'order_hold', market_id, id, created_at FROM placed WHERE hold_units > 0
    RETURNING id
), posted AS (
    INSERT INTO ledger_posting (entry_id, account_id, amount_units)
    SELECT entry.id, account.id,
           CASE account.kind WHEN 'held' THEN placed.hold_units ELSE -placed.hold_units END
      FROM entry, placed
      JOIN ledger_account account ON account.user_id = placed.user_id
       AND account.kind IN ('available', 'held')
)
SELECT id FROM placed
"""


def place_order(user_id: int, new: NewOrder) -> PlacedOrder:
    """Hold the order's money, insert it and send it to its engine. Raises ApiError.

    A client order id used before answers the first order under it, and places nothing.
    """
    placed, command = insert_order(user_id, new)
    if command is not None:
        transaction.on_commit(lambda: publish_committed(new.market_id, command))
    return placed


def insert_order(user_id: int, new: NewOrder) -> tuple[PlacedOrder, PlaceOrder | None]:
    """All but the sending: the command is to be published once the transaction commits. None if
    there is nothing to send. Raises ApiError, and has changed nothing then."""
    rules = market_rules(new.market_id)
    standing = trader_standing(user_id, rules)
    terms = read_terms(rules, new, standing.leverage)
    try:
        draft = draft_order(rules, market_ticker(rules.id), standing, terms)
    except ApiError:
        first = _order_of_client_id(user_id, terms.client_order_id)
        if first is None:
            raise
        return _repeated(first, rules, terms), None
    order_id = _insert_with_hold(user_id, rules.id, draft)
    if order_id is None:
        first = _order_of_client_id(user_id, terms.client_order_id)
        if first is None:  # its transaction is not visible to ours
            message = "An order with this clientOrderId is being placed. Try again."
            raise ApiError(HTTPStatus.CONFLICT, "CLIENT_ORDER_ID_IN_USE", message, "clientOrderId")
        return _repeated(first, rules, terms), None
    return PlacedOrder(order_id, OrderStatus.PENDING), _command(order_id, user_id, draft)


def _insert_with_hold(user_id: int, market_id: str, draft: OrderDraft) -> int | None:
    """The new order's id; None if the client order id was taken. Raises ApiError."""
    terms, trigger = draft.terms, draft.terms.trigger
    values: dict[str, str | int | datetime | None] = {
        "user_id": user_id,
        "market_id": market_id,
        "client_order_id": terms.client_order_id,
        "side": terms.side.value,
        "order_type": terms.order_type.value,
        "time_in_force": terms.time_in_force.value,
        "price_ticks": draft.price_ticks,
        "size_lots": terms.size_lots,
        "margin_units": terms.margin_units,
        "leverage": terms.leverage,
        "reduce_only": terms.reduce_only,
        "close_position": terms.close_position,
        "maker_fee_ppm": draft.maker_fee_ppm,
        "taker_fee_ppm": draft.taker_fee_ppm,
        "expires_at": terms.expires_at,
        "trigger_kind": trigger.kind.value if trigger else None,
        "trigger_by": trigger.by.value if trigger else None,
        "trigger_price_ticks": trigger.price_ticks if trigger else 0,
        "trigger_callback_ppm": trigger.callback_ppm if trigger else 0,
        "self_trade_prevention": terms.self_trade_prevention.value,
        "hold_units": draft.hold_units,
    }
    try:
        # A statement is its own transaction; inside another it needs a savepoint to fail alone.
        savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
        with savepoint, connection.cursor() as cursor:
            cursor.execute(_INSERT_WITH_HOLD, values)
            row = cursor.fetchone()
    except IntegrityError as error:
        explain_refusal(error, user_id, draft.hold_units)
    return int(row[0]) if row else None


def _order_of_client_id(user_id: int, client_order_id: str | None) -> Order | None:
    if client_order_id is None:
        return None
    return Order.objects.filter(user_id=user_id, client_order_id=client_order_id).first()


def _repeated(first: Order, rules: MarketRules, terms: OrderTerms) -> PlacedOrder:
    is_limit, trigger = terms.order_type is OrderType.LIMIT, terms.trigger
    asked = {
        "market_id": rules.id,
        "side": terms.side,
        "order_type": terms.order_type,
        "time_in_force": terms.time_in_force,
        # Unknown at first, the engine's later; and the leverage set may have changed since.
        "size_lots": first.size_lots if terms.close_position else terms.size_lots,
        "leverage": terms.leverage if terms.leverage_named else first.leverage,
        "margin_units": terms.margin_units,
        "reduce_only": terms.reduce_only,
        "close_position": terms.close_position,
        "expires_at": terms.expires_at,
        "trigger_kind": trigger.kind if trigger else None,
        "trigger_by": trigger.by if trigger else None,
        "trigger_price_ticks": trigger.price_ticks if trigger else 0,
        "trigger_callback_ppm": trigger.callback_ppm if trigger else 0,
        "price_ticks": terms.limit_ticks if is_limit else first.price_ticks,
    }
    differs = {name for name, value in asked.items() if getattr(first, name) != value}
    if differs and not (differs <= AMENDABLE and has_amendments(first)):
        message = f"clientOrderId names order {first.pk}, which differs. Use another."
        raise ApiError(HTTPStatus.CONFLICT, "CLIENT_ORDER_ID_REUSED", message, "clientOrderId")
    return PlacedOrder(first.pk, OrderStatus(first.status), repeated=True)


def _command(order_id: int, user_id: int, draft: OrderDraft) -> PlaceOrder:
    terms = draft.terms
    return PlaceOrder(
        order_id=order_id,
        account_id=user_id,
        side=terms.side,
        order_type=terms.order_type,
        time_in_force=terms.time_in_force,
        price_ticks=draft.price_ticks,
        size_lots=terms.size_lots,
        margin_units=terms.margin_units,
        leverage=terms.leverage,
        hold_units=draft.hold_units,
        maker_fee_ppm=draft.maker_fee_ppm,
        taker_fee_ppm=draft.taker_fee_ppm,
        reduce_only=terms.reduce_only,
        close_position=terms.close_position,
        expires_ms=terms.expires_ms,
        trigger=terms.trigger,
        self_trade_prevention=terms.self_trade_prevention,
    )
