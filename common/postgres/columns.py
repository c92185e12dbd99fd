"""⑤ Columns as array literals for Postgres' unnest.

One text per column: psycopg looks at every element of a list to find its type, which costs six
times as much. No escaping is needed here: every value is a number, a word of the vocabulary or a
timestamp.
"""

from collections.abc import Iterable


def numbers(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def numbers_or_nulls(values: Iterable[int | None]) -> str:
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def truths(values: Iterable[bool]) -> str:
    return "{" + ",".join("t" if value else "f" for value in values) + "}"


def truths_or_nulls(values: Iterable[bool | None]) -> str:
    return "{" + ",".join("NULL" if value is None else "ft"[value] for value in values) + "}"


def words(values: Iterable[str]) -> str:
    """Texts without quotes and backslashes; they may be empty."""
    return "{" + ",".join(f'"{value}"' for value in values) + "}"


def words_or_nulls(values: Iterable[str | None]) -> str:
    return "{" + ",".join("NULL" if value is None else f'"{value}"' for value in values) + "}"
