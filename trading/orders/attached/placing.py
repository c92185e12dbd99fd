"""An order and what comes with it, inserted together or not at all."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from common.postgres.prepared import fetch_all
from ledger.holds import wallets_locked
from matching.messages.vocabulary import TriggerKind
from trading.models import Order
from trading.orders.attached.terms import KINDS
from trading.orders.insert import Inserted, NewRow, Outcome, insert_orders

# Behind the wallet, as intake draws them: whoever puts orders into partitions gives ids another
# sequence, and locks wallets before.
_NEW_IDS = f"""
WITH wallet AS MATERIALIZED (
    {wallets_locked("= %s")}
)
SELECT nextval('trading_order_id_seq') FROM generate_series(1, %s) LEFT JOIN wallet ON true
"""  # noqa: S608  parts of the statement, no values


def insert_with(order: NewRow, with_it: Sequence[NewRow], *, is_pair: bool) -> list[Outcome]:
    """Outcomes of what comes with it, in that order, and of the order, which has the highest id:
    they are sent before it. Where one is not inserted, none is. Raises django.db.Error."""
    with transaction.atomic():
        *ids, order_id = _new_ids(order.user_id, len(with_it) + 1)
        link = "other_id" if is_pair else "parent_id"
        rows = [
            _row(row, own_id, **{link: order_id}) for row, own_id in zip(with_it, ids, strict=True)
        ]
        rows.append(_row(order, order_id, **({link: ids[0]} if is_pair else {})))
        outcomes = insert_orders(rows)
        if not all(isinstance(outcome, Inserted) for outcome in outcomes):
            transaction.set_rollback(True)
        return outcomes


def _new_ids(user_id: int, count: int) -> list[int]:
    return sorted(order_id for (order_id,) in fetch_all(_NEW_IDS, (user_id, count)))


def _row(row: NewRow, order_id: int, **links: int) -> NewRow:
    return replace(row, order_id=order_id, columns=row.columns | links)


def came_with(order: Order) -> dict[str, int]:
    """Ids of what an order was placed with, by the field they came in."""
    if order.other_id is not None:
        return {"other": order.other_id}
    by_kind = {kind: field for field, kind in KINDS.items()}
    rows = Order.objects.filter(parent=order).order_by("pk")
    return {by_kind[TriggerKind(str(row.trigger_kind))]: row.pk for row in rows}
