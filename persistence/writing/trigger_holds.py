"""⑤ → ②: the hold of a triggered order.

A conditional order holds nothing while it waits. When it fires, the transaction that records so
moves its hold from available to held, if the wallet has it, and promises `ActivateOrder` with it;
with a hold of 0 the engine cancels the order as unaffordable. The command is published after the
commit and sent again until it is seen, like every promised command.
"""

from collections.abc import Iterable

from common.postgres.columns import numbers
from ledger.holds import LOCK_WALLETS
from ledger.models import AccountKind, EntryKind
from ledger.posting_rules import Movement, PostingLine
from matching.messages.commands import ActivateOrder
from matching.messages.holds import order_reserve
from matching.messages.limits import MAX_MONEY_UNITS
from matching.messages.vocabulary import OrderType, Side
from persistence.projection.batch import Batch, JournalRow, ProjectedOrder
from persistence.projection.order_changes import WAITING
from persistence.projection.outcomes import HoldRequest
from persistence.writing.pipeline import Cursor
from trading.commands.outbox import NOT_YET, Promise, promise_commands

LOAD_TERMS = """
    SELECT id, order_type, leverage, taker_fee_ppm
      FROM trading_order WHERE id = ANY(%s::bigint[])
"""
MARK_PRICE = "SELECT mark_price_ticks FROM markets_marketstatus WHERE market_id = %s"


def grant_holds(cursor: Cursor, batch: Batch) -> None:
    """Before the batch is written: decide every hold its triggered orders ask for."""
    # An order that ended within the batch asks for nothing any more.
    requests = [r for r in batch.perps.hold_requests if batch.orders[r.order_id].status == WAITING]
    if not requests:
        return
    users = {batch.orders[request.order_id].user_id for request in requests}
    # All wallets of the batch, not only those asked for a hold: the rest would be locked later, out
    # of the order of the keys.
    locked = cursor.execute(LOCK_WALLETS, (numbers({*batch.wallets, *users}),))
    available = {
        user_id: units + batch.wallet_of(user_id).available_units
        for user_id, units in locked.fetchall()
        if user_id in users
    }
    promises = []
    for request, needed_units in _holds(cursor, batch, requests):
        row = batch.orders[request.order_id]
        is_affordable = needed_units <= min(available[row.user_id], MAX_MONEY_UNITS)
        hold_units = needed_units if is_affordable else 0
        available[row.user_id] -= hold_units
        promises.append(_grant(batch, row, request, hold_units))
    promise_commands(promises)


def _holds(
    cursor: Cursor, batch: Batch, requests: list[HoldRequest]
) -> Iterable[tuple[HoldRequest, int]]:
    """What each order needs, at the mark price it fired at. The best bid is not known here: a short
    that finds a much better one loses its remainder rather than hold more."""
    order_ids = [request.order_id for request in requests]
    terms = {
        row[0]: row[1:] for row in cursor.execute(LOAD_TERMS, (numbers(order_ids),)).fetchall()
    }
    recorded = cursor.execute(MARK_PRICE, (batch.market_id,)).fetchone()
    for request in requests:
        order_type, leverage, taker_fee_ppm = terms[request.order_id]
        row = batch.orders[request.order_id]
        mark_ticks = request.mark_price_ticks or (recorded[0] if recorded else 0)
        side = Side(row.side)
        reserve = order_reserve(
            units_per_tick_lot=batch.units_per_tick_lot,
            taker_fee_ppm=taker_fee_ppm,
            side=side,
            order_type=OrderType(order_type),
            price_ticks=row.price_ticks,
            mark_ticks=mark_ticks,
            best_bid_ticks=0,
            named_margin_per_lot_units=row.margin_units // row.size_lots,
            leverage=leverage,
        )
        yield request, reserve.per_lot_units * row.size_lots


def _grant(batch: Batch, row: ProjectedOrder, request: HoldRequest, hold_units: int) -> Promise:
    if hold_units:
        row.hold_units += hold_units
        row.held_units += hold_units
        wallet = batch.wallet_of(row.user_id)
        wallet.available_units -= hold_units
        wallet.held_units += hold_units
        lines = (
            PostingLine(AccountKind.AVAILABLE, row.user_id, -hold_units),
            PostingLine(AccountKind.HELD, row.user_id, hold_units),
        )
        movement = Movement(EntryKind.ORDER_HOLD, row.id, None, lines)
        batch.journal.append(JournalRow(movement, request.seq, request.time_text))
    command = ActivateOrder(
        command_id=NOT_YET, order_id=row.id, account_id=row.user_id, hold_units=hold_units
    )
    return Promise(batch.market_id, command, by_id=None)
