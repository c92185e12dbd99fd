"""How an error is planted in a session's rows, and what reconcile says of it."""

from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Model, QuerySet

from persistence.reconciliation import Difference, reconcile
from trading.models import Order

BTC = "BTC-PERP"
Row = TypeVar("Row", bound=Model)


def plant(sql: str, *values: Any, loosened: str = "") -> None:
    """Change rows as someone with the database's password could: no trigger fires, no foreign key
    is looked at. ``loosened`` is a CHECK constraint that would refuse it; it is back afterwards."""
    with transaction.atomic(), connection.cursor() as cursor:
        table, _, constraint = loosened.partition(".")
        if loosened:
            cursor.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
                [constraint],
            )
            definition = cursor.fetchone()[0].removesuffix(" NOT VALID")
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        assert cursor.rowcount > 0
        if loosened:
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition} NOT VALID"
            )


def found() -> list[Difference]:
    result = reconcile()
    assert result.difference_count >= len(result.differences)
    return result.differences


def checks_of(differences: list[Difference]) -> set[str]:
    return {difference.check for difference in differences}


def the(differences: list[Difference], check: str, market: str = "") -> Difference:
    """The one difference of that check."""
    matching = [d for d in differences if d.check == check and d.market_id == market]
    assert len(matching) == 1, differences
    return matching[0]


def first_of(rows: QuerySet[Row]) -> Row:
    row = rows.first()
    assert row is not None, "the session has none"
    return row


def order_with(**conditions: Any) -> Order:
    return first_of(Order.objects.filter(market_id=BTC, **conditions).order_by("pk"))
