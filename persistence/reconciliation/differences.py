"""What a check is, and what it finds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection

from persistence.sealing.scope import EVERYTHING, ProofScope

# Of one check; the rest are only counted.
SHOWN_PER_CHECK_MAX = 200


class Difference(NamedTuple):
    """Two accounts of one thing that do not agree. ``market_id`` is empty where none is meant."""

    check: str
    market_id: str
    subject: str
    expected: str
    found: str


class SqlCheck(NamedTuple):
    """``sql`` answers a row (market, subject, expected, found) per difference, and none when all is
    well. It reads the relations of a scope."""

    name: str
    sql: str


class DifferencesFound(NamedTuple):
    """``total`` differences, the first of them shown."""

    total: int
    shown: Sequence[Difference]


def run_check(
    check: SqlCheck, values: Mapping[str, Any], scope: ProofScope = EVERYTHING
) -> DifferencesFound:
    """Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{scope.prelude} SELECT d.*, count(*) OVER () FROM ({check.sql})"  # noqa: S608  no outside text
            " AS d(market, subject, expected, found)"
            f" ORDER BY market, length(subject), subject LIMIT {SHOWN_PER_CHECK_MAX}",
            {**values, **scope.values},
        )
        rows = cursor.fetchall()
    shown = [Difference(check.name, row[0] or "", *row[1:4]) for row in rows]
    return DifferencesFound(rows[0][4] if rows else 0, shown)
