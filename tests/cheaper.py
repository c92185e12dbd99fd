"""What tests do thousands of times and production rarely: cheaper, with the same outcome."""

from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db.backends.postgresql.operations import DatabaseOperations

LARGE_BYTES = 1_000_000  # by then rows that were deleted cost more than what TRUNCATE does

_truncate = DatabaseOperations.sql_flush


def use_cheap_passwords() -> None:
    """Argon2 as in production, with the least memory and work that it knows."""
    Argon2PasswordHasher.time_cost = 1
    Argon2PasswordHasher.memory_cost = 8  # KiB
    Argon2PasswordHasher.parallelism = 1


def use_cheap_flush() -> None:
    """Every test that commits ends with a flush of all tables, of which it wrote to a few.

    TRUNCATE makes new files for each table and each of its indexes; DELETE of no rows costs
    nothing. Like TRUNCATE it waits for whoever is still writing, and asks no trigger.
    """
    DatabaseOperations.sql_flush = _delete  # type: ignore[assignment, method-assign]


def _delete(self: DatabaseOperations, style: Any, tables: Any, **options: Any) -> list[str]:
    if not tables or options.get("reset_sequences") or _has_large(self, tables):
        return _truncate(self, style, tables, **options)
    names = [self.quote_name(table) for table in tables]
    return [
        ";".join(
            [
                f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE",
                "SET LOCAL session_replication_role = replica",
                *(f"DELETE FROM {name}" for name in names),
            ]
        )
    ]


def _has_large(operations: DatabaseOperations, tables: Any) -> bool:
    with operations.connection.cursor() as cursor:
        cursor.execute(
            "SELECT bool_or(pg_relation_size(name::regclass) > %s) FROM unnest(%s::text[]) AS name",
            [LARGE_BYTES, list(tables)],
        )
        return bool(cursor.fetchone()[0])
