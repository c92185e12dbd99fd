"""All that is kept of a user, in parts of bounded size.

A part is made of stretches of tables, each read by its key from where the part before ended. The
cursor names the table by its place among those of the user and the last key that was told; rows
that arrive meanwhile come later, none comes twice. Where the key is no number, as of days of a
market, it says how many were told: one that arrives among those makes another come again.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, IntegerField, OneToOneField

from accounts.people.kept import columns_of, rows_of
from common.errors import invalid

PART_ROWS = 5_000
_CURSOR = re.compile(r"([0-9]{1,4})-([0-9]{1,19})")


@dataclass(frozen=True)
class TableStretch:
    """Rows of a table, oldest first, as column → value."""

    table: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class PersonPart:
    stretches: list[TableStretch]
    next_cursor: str | None


def export_part(user_id: int, cursor: str | None, rows_max: int = PART_ROWS) -> PersonPart:
    """Raises DomainError for a cursor that no part had."""
    tables = rows_of(user_id)
    place, after = _read_cursor(cursor, len(tables))
    stretches: list[TableStretch] = []
    told = 0
    for number in range(place, len(tables)):
        rows, columns = tables[number].rows, columns_of(tables[number].rows.model)
        keyed = isinstance(rows.model._meta.pk, BigIntegerField | IntegerField | OneToOneField)
        if after is not None and keyed:
            rows = rows.filter(pk__gt=after)
        first = 0 if keyed else after or 0
        most = rows_max - told
        with tables[number].beside(after or 0, most + 1):
            by_key = rows.order_by("pk").values_list("pk", *columns)
            found = list(by_key[first : first + most + 1])
        if found[:most]:
            named = [dict(zip(columns, row[1:], strict=True)) for row in found[:most]]
            stretches.append(TableStretch(rows.model._meta.label, named))
        told += len(found[:most])
        if len(found) > most:
            last = found[most - 1][0] if most else after or 0
            return PersonPart(stretches, f"{number}-{last if keyed else first + most}")
        after = None
    return PersonPart(stretches, None)


def _read_cursor(cursor: str | None, tables: int) -> tuple[int, int | None]:
    if cursor is None:
        return 0, None
    found = _CURSOR.fullmatch(cursor)
    if found is None or int(found[1]) >= tables or int(found[2]) > BigIntegerField.MAX_BIGINT:
        raise invalid("cursor", "cursor must be the nextCursor of the part before.")
    return int(found[1]), int(found[2])
