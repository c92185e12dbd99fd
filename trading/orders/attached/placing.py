"""An entry and what is attached to it, inserted together or not at all."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from common.postgres.prepared import fetch_all
from matching.messages.vocabulary import TriggerKind
from trading.models import Order
from trading.orders.attached.terms import KINDS
from trading.orders.insert import Inserted, NewRow, Outcome, insert_orders

_NEW_IDS = "SELECT nextval('trading_order_id_seq') FROM generate_series(1, %s)"


def insert_with_attached(entry: NewRow, attached: Sequence[NewRow]) -> list[Outcome]:
    """Outcomes of the attached, in their order, and of the entry, which has the highest id: they
    are sent before it. Where one is not inserted, none is. Raises django.db.Error."""
    with transaction.atomic():
        found = fetch_all(_NEW_IDS, (len(attached) + 1,))
        *ids, entry_id = sorted(order_id for (order_id,) in found)
        rows = [
            replace(row, order_id=order_id, columns=row.columns | {"parent_id": entry_id})
            for row, order_id in zip(attached, ids, strict=True)
        ]
        outcomes = insert_orders([*rows, replace(entry, order_id=entry_id)])
        if not all(isinstance(outcome, Inserted) for outcome in outcomes):
            transaction.set_rollback(True)
    return outcomes


def attached_to(entry: Order) -> dict[str, int]:
    """Ids, by the field they came in."""
    by_kind = {kind: field for field, kind in KINDS.items()}
    rows = Order.objects.filter(parent=entry).order_by("pk")
    return {by_kind[TriggerKind(str(row.trigger_kind))]: row.pk for row in rows}
