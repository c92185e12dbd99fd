"""What tests do thousands of times and production rarely: cheaper, with the same outcome."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models.signals import post_migrate
from django.http import HttpRequest
from django.test import Client, TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from matching.runtime import process

# Rows of the schema, not of a test: to make them anew takes ten times as long as to flush the rest.
KEPT_TABLES = {"django_content_type", "auth_permission"}
LARGE_BYTES = 1_000_000  # by then rows that were deleted cost more than what TRUNCATE does

_sign_in_by_force = Client.force_login
_truncate = DatabaseOperations.sql_flush
_add_files_from_finders = WhiteNoiseMiddleware.add_files_from_finders
_static_files: dict[tuple[str, int | None], dict[str, Any]] = {}


def show_factors_by_force() -> None:
    """Who is signed in by force has come by the second step, too, a moment ago: the session says
    so, as the console's door writes it. `tests.builders.factors` comes in by both steps."""
    Client.force_login = _force_login  # type: ignore[method-assign, assignment]


def _force_login(self: Client, user: Any, backend: str | None = None) -> None:
    from console.factors.door import mark_shown

    _sign_in_by_force(self, user, backend)
    request = HttpRequest()
    request.session = self.session
    mark_shown(request)
    request.session.save()


def use_cheap_static_files() -> None:
    """Every client of Django's makes its middleware anew, and with it the list of static files:
    hundreds are looked up on the disk. They stay the same while tests run."""
    WhiteNoiseMiddleware.add_files_from_finders = _add_files_found_before


def _add_files_found_before(self: WhiteNoiseMiddleware) -> None:
    key = self.static_prefix, self.max_age
    if key not in _static_files:
        others, self.files = self.files, {}
        _add_files_from_finders(self)
        _static_files[key], self.files = self.files, others
    self.files |= _static_files[key]


def use_cheap_flush() -> None:
    """Every test that commits ends with a flush of all tables, of which it wrote to a few.

    TRUNCATE makes new files for each table and each of its indexes; DELETE of no rows costs
    nothing. Like TRUNCATE it waits for whoever is still writing, and asks no trigger.
    """
    DatabaseOperations.sql_flush = _delete  # type: ignore[assignment, method-assign]


def stop_engines_soon() -> None:
    """One that runs in a test's thread looks whether it is to stop between two waits for
    commands."""
    process.IDLE_WAIT_MS = 50


def keep_connections() -> None:
    """Django ends the connection behind each test that commits, lest a statement of its start was
    rolled back: none is, as Postgres is told the time zone outside of transactions. What a new one
    costs is in Postgres: a process that has to read the catalogue anew."""
    TransactionTestCase._should_reload_connections = lambda self: False  # type: ignore[attr-defined]


def keep_permissions() -> None:
    """Once the test database is made: what the flush leaves is not looked for after it."""
    post_migrate.disconnect(dispatch_uid=f"{create_permissions.__module__}.create_permissions")
    post_migrate.disconnect(create_contenttypes)


def _delete(self: DatabaseOperations, style: Any, tables: Any, **options: Any) -> list[str]:
    tables = [table for table in tables if table not in KEPT_TABLES]
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


def count_uses_by_hand() -> None:
    """Uses of keys are written where a test says so: a thread would hold on to its database."""
    from accounts.keys.uses import Uses

    def nothing(self: Uses) -> None: ...

    Uses.start = nothing  # type: ignore[method-assign]
