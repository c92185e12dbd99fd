"""⑤ Statements that go to Postgres together: one round trip, however many they are.

None of them may need the answer to another. The first that fails is raised, and those after it are
not carried out. A batch's twenty statements sent one by one would wait twenty times for the
network and, on a busy machine, for their turn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

Cursor = psycopg.Cursor[Any]


class RowsMissing(Exception):
    """Accounts or rows that an entry speaks of are not there."""


class _Statement(NamedTuple):
    query: str
    values: Any
    expected: int | None  # rows it must affect
    what: str  # those are


class Statements:
    """Of one transaction, in their order."""

    def __init__(self) -> None:
        self._statements: list[_Statement] = []

    def add(
        self, query: str, values: Any = (), *, expected: int | None = None, what: str = ""
    ) -> None:
        self._statements.append(_Statement(query, values, expected, what))

    def execute(self, cursor: Cursor) -> Sequence[Cursor]:
        """On the connection of the cursor. One cursor per statement, with its rows. Raises
        psycopg.Error, and RowsMissing where a statement found fewer rows than it must."""
        connection = cursor.connection
        cursors = [psycopg.Cursor(connection) for _ in self._statements]
        with connection.pipeline():
            for answer, statement in zip(cursors, self._statements, strict=True):
                answer.execute(statement.query, statement.values)
        for answer, statement in zip(cursors, self._statements, strict=True):
            if statement.expected not in (None, answer.rowcount):
                raise RowsMissing(
                    f"{statement.expected} {statement.what} were to change, {answer.rowcount} did"
                )
        return cursors
