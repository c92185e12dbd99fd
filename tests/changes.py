"""Every row that a call changes, seen by the database itself: an INSERT, UPDATE or DELETE that
reaches further than it should is among them, whatever the call meant to do.

Triggers on all tables write the rows before and after into one table. `nobody_else_changed` says
whose they were: a row belongs to the market and the user that its columns name, and to those of the
row it hangs on.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection, models

APPS = (
    "accounts",
    "announcements",
    "approvals",
    "auth",
    "ledger",
    "markets",
    "persistence",
    "prices",
    "trading",
)
_INSTALL = """
CREATE TABLE seen_change (
    number bigserial, table_name text, old_row jsonb, new_row jsonb
);
CREATE FUNCTION see_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen_change (table_name, old_row, new_row)
    VALUES (COALESCE(pg_partition_root(TG_RELID), TG_RELID)::regclass,
            CASE TG_OP WHEN 'INSERT' THEN NULL ELSE to_jsonb(OLD) END,
            CASE TG_OP WHEN 'DELETE' THEN NULL ELSE to_jsonb(NEW) END);
    RETURN NULL;
END $$;
"""
_REMOVE = "DROP FUNCTION see_change CASCADE; DROP TABLE seen_change;"
_WATCH = "CREATE TRIGGER see_change AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW"
Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """``old`` is None for a row inserted, ``new`` for one deleted."""

    table: str
    old: Row | None
    new: Row | None

    @property
    def row(self) -> Row:
        row = self.new if self.new is not None else self.old
        assert row is not None
        return row


@dataclass
class Changes:
    """Of one call, in their order; filled when the block ends."""

    seen: list[Change] = field(default_factory=list)

    def of(self, table: str) -> list[Change]:
        return [change for change in self.seen if change.table == table]

    @property
    def tables(self) -> set[str]:
        return {change.table for change in self.seen}


def watched_tables() -> list[str]:
    tables = set()
    for app in APPS:
        for model in apps.get_app_config(app).get_models(include_auto_created=True):
            tables.add(model._meta.db_table)
    return sorted(tables)


@contextmanager
def watching() -> Iterator[None]:
    """Around the test: what its calls change can be asked for with `changes`."""
    watch = ";".join(
        _WATCH.format(table) + " EXECUTE FUNCTION see_change()" for table in watched_tables()
    )
    with connection.cursor() as cursor:
        cursor.execute(_INSTALL + watch)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_REMOVE)


@contextmanager
def changes() -> Iterator[Changes]:
    """What the block changes. Only inside `watching`."""
    found = Changes()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM seen_change")
    yield found
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, old_row, new_row FROM seen_change ORDER BY number")
        found.seen += [Change(name, _read(old), _read(new)) for name, old, new in cursor.fetchall()]


def _read(row: Any) -> Row | None:
    return json.loads(row) if isinstance(row, str) else row


def owners_of(change: Change) -> dict[str, set[Any]]:
    """Markets and users, by what the row names and, for a row that hangs on another, what that
    one does. Exchange-wide rows have none."""
    found: dict[str, set[Any]] = {"markets": set(), "users": set()}
    for row in (change.old, change.new):
        if row is not None:
            _add_owners(_model_of(change.table), row, found)
    return found


def _add_owners(model: type[models.Model], row: Row, found: dict[str, set[Any]]) -> None:
    names = {f.attname for f in model._meta.concrete_fields}
    if model._meta.db_table == "markets_market":
        found["markets"].add(row["id"])
    if model._meta.db_table == "accounts_user":
        found["users"].add(row["id"])
    if "market_id" in names and row["market_id"] is not None:
        found["markets"].add(row["market_id"])
    if "user_id" in names and row["user_id"] is not None:
        found["users"].add(row["user_id"])
    for name in ("settlement_id", "account_id", "token_id"):
        if name in names and row[name] is not None:
            parent: Any = model._meta.get_field(name.removesuffix("_id")).related_model
            held = parent.objects.filter(pk=row[name]).values().first()
            if held is not None:
                _add_owners(parent, held, found)


def _model_of(table: str) -> type[models.Model]:
    for app in APPS:
        for model in apps.get_app_config(app).get_models(include_auto_created=True):
            if model._meta.db_table == table:
                return model
    raise LookupError(table)


def nobody_else_changed(
    found: Changes, *, markets: set[str] | None = None, users: set[int] | None = None
) -> None:
    """Every row changed belongs to these markets and users; None where it is not asked."""
    for change in found.seen:
        owners = owners_of(change)
        if markets is not None:
            assert owners["markets"] <= markets, change
        if users is not None:
            assert owners["users"] <= users, change
