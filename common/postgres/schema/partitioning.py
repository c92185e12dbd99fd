"""A table that is there becomes one of partitions, while the exchange runs.

Its rows stay where they are: the old table is the first partition of a new one with its name, which
gets its indexes, triggers, rights and sequence. That its ids are below the first partition's end is
proven before, beside traffic, by a CHECK: what nobody else may see half done is a matter of the
catalogue, and takes milliseconds. It is tried until nobody holds the table. Who is killed
in between leaves the CHECK, which would refuse rows one day: `take_back`.

Ids come from a default, not from an identity: before Postgres 17 partitions know none. Foreign keys
that name the table go, or they would name its first partition: a trigger has to do what they did.
So do unique constraints that the id is no part of.
Postgres knows such keys of tables in partitions, too, but then no partition could be detached that
has rows which are named, also not to be given its end. Views and publications that somebody made
would go with the old table, and show its rows alone from then on: they are in the way.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from common.postgres.partitions import (
    REFUSE_WRITE,
    is_held,
    is_partitioned,
    make_newest,
    partition_name,
    refuse_writes,
    wait_shortly,
)

TRIES = 300
_LOCK_WAIT_MS = 500  # orders that are taken wait as long at worst
_BETWEEN_TRIES_S = 1.0
_OTHERS_WAIT_MS = 20
_LOOKS, _BETWEEN_LOOKS_S = 25, 0.02  # for a moment in which nobody is in the way

_INDEXES = """
SELECT index.relname, con.conname, COALESCE(
           'ALTER TABLE ' || indrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(con.conname)
               || ' ' || pg_get_constraintdef(con.oid),
           pg_get_indexdef(indexrelid))
  FROM pg_index JOIN pg_class index ON index.oid = indexrelid
  LEFT JOIN pg_constraint con ON con.conindid = indexrelid AND con.contype IN ('p', 'u')
 WHERE indrelid = %s::regclass ORDER BY index.relname
"""
_TRIGGERS = """
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
 WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY tgname
"""
_OF_OTHERS = """
SELECT 'view ' || ev_class::regclass
  FROM pg_depend JOIN pg_rewrite ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
 WHERE refclassid = 'pg_class'::regclass AND refobjid = %s::regclass
 UNION
SELECT 'publication ' || quote_ident(pubname)
  FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
 WHERE prrelid = %s::regclass
 ORDER BY 1
"""
_RIGHTS = """
SELECT format('GRANT %%s ON %%s TO %%s%%s', privilege_type, %s::regclass,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_class, aclexplode(relacl) WHERE oid = %s::regclass AND grantee <> relowner
"""
_RIGHTS_TO_COLUMNS = """
SELECT format('GRANT %%s (%%I) ON %%s TO %%s%%s', privilege_type, attname, %s::regclass,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_attribute, aclexplode(attacl) WHERE attrelid = %s::regclass AND NOT attisdropped
"""
_RIGHTS_TO_IDS = """
SELECT DISTINCT format('GRANT USAGE ON SEQUENCE %%s TO %%s', %s::regclass,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
  FROM pg_class, aclexplode(relacl)
 WHERE oid = %s::regclass AND grantee <> relowner AND privilege_type = 'INSERT'
"""
_FOREIGN_KEYS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname)
  FROM pg_constraint WHERE contype = 'f' AND confrelid = %s::regclass
"""
_END = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s"
_OWNER = "SELECT relowner::regrole::text FROM pg_class WHERE oid = %s::regclass"


class PartitionById(Operation):
    """``width``: of the first partition, in ids; asked for as the migration runs. ``before``: what
    those lock first who name the sequence of its ids. ``without``: unique constraints or indexes
    that the table has and doesn't keep. Not atomic."""

    reversible = False

    def __init__(
        self,
        model_name: str,
        width: Callable[[], int],
        before: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> None:
        self.model_name = model_name
        self.width = width
        self.before = before
        self.without = without

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """To Django it is the table that it was, but for the constraints."""
        for name in self.without:
            state.remove_constraint(app_label, self.model_name.lower(), name)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002  Django's signature
        to_state: ProjectState,
    ) -> None:
        table, *before = (
            to_state.models[app_label, name.lower()].options.get(
                "db_table", f"{app_label}_{name.lower()}"
            )
            for name in (self.model_name, *self.before)
        )
        partition_by_id(schema_editor.connection, table, self.width(), before, self.without)

    def describe(self) -> str:
        return f"Make {self.model_name} a table of partitions by id"


def partition_by_id(
    connection: BaseDatabaseWrapper,
    table: str,
    width: int,
    before: Sequence[str] = (),
    without: Sequence[str] = (),
) -> None:
    """``before`` are tables. See `PartitionById`. Not inside a transaction. Raises CommandError,
    which says what is in the way."""
    with connection.cursor() as cursor:
        if is_partitioned(cursor, table):
            return  # by an earlier run, which ended before it was written down
        _require_nothing_of_others(cursor, table)
        _tried(lambda: _drop_foreign_keys(cursor, table), connection, table)
        end = _first_end(cursor, table, width)
        _tried(lambda: _prove_below(cursor, table, end), connection, table)
        try:
            cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_end")
            _tried(lambda: _put_together(cursor, table, end, before, without), connection, table)
        except BaseException:  # Ctrl-C, too
            _tried(lambda: _forget_end(cursor, table), connection, table)
            raise
        cursor.execute(f"ANALYZE {table}")


def take_back(connection: BaseDatabaseWrapper, table: str) -> bool:
    """What one who was killed left, once nobody is at it: False where there is nothing. Raises
    OperationalError where somebody holds the table for long."""
    with connection.cursor() as cursor:
        if is_partitioned(cursor, table) or not _ask(cursor, _END, table, f"{table}_end"):
            return False
        with transaction.atomic(using=connection.alias):
            _forget_end(cursor, table)
    return True


def _ask(cursor: CursorWrapper, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    cursor.execute(sql, values)
    return list(cursor.fetchall())


def _require_nothing_of_others(cursor: CursorWrapper, table: str) -> None:
    if found := [name for (name,) in _ask(cursor, _OF_OTHERS, table, table)]:
        raise CommandError(
            f"{', '.join(found)} would have the rows of {table} until now alone: drop what is named"
            " here, and make it anew afterwards"
        )


def _first_end(cursor: CursorWrapper, table: str, width: int) -> int:
    """At least half a partition is left until then, for what others write meanwhile."""
    ((last,),) = _ask(
        cursor,
        f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_id_seq",  # noqa: S608
    )
    return ((int(last) + width // 2) // width + 1) * width


def _tried(step: Callable[[], None], connection: BaseDatabaseWrapper, table: str) -> None:
    """In a transaction of its own, again and again as long as somebody holds the table."""
    for _ in range(TRIES):
        try:
            with transaction.atomic(using=connection.alias):
                step()
            return
        except _Held:
            pass
        except OperationalError as error:
            if not is_held(error):
                raise
        time.sleep(_BETWEEN_TRIES_S)
    raise CommandError(
        f"{table} is held by a transaction that doesn't end (pg_stat_activity says which): "
        "try again after it"
    )


def _drop_foreign_keys(cursor: CursorWrapper, table: str) -> None:
    wait_shortly(cursor, _LOCK_WAIT_MS)
    for (drop,) in _ask(cursor, _FOREIGN_KEYS, table):
        cursor.execute(drop)


def _prove_below(cursor: CursorWrapper, table: str, end: int) -> None:
    _forget_end(cursor, table)
    cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_end CHECK (id < {end}) NOT VALID")


def _forget_end(cursor: CursorWrapper, table: str) -> None:
    wait_shortly(cursor, _LOCK_WAIT_MS)
    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_end")


def _put_together(
    cursor: CursorWrapper, table: str, end: int, before: Sequence[str], without: Sequence[str]
) -> None:
    _lock(cursor, table, before)
    for name in without:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        cursor.execute(f"DROP INDEX IF EXISTS {name}")  # what has a condition is no constraint
    first = partition_name(table, 0)
    indexes = _ask(cursor, _INDEXES, table)
    triggers = _ask(cursor, _TRIGGERS, table)
    _step_aside(cursor, table, first, indexes, triggers)
    cursor.execute(
        f"CREATE TABLE {table} (LIKE {first} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)"
        " PARTITION BY RANGE (id)"
    )
    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_end")
    _hand_over_ids(cursor, table, first)
    for _, _, made_by in indexes:
        cursor.execute(made_by)
    cursor.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ('{end}')"
    )
    cursor.execute(f"ALTER TABLE {first} DROP CONSTRAINT {table}_end")
    for _, made_by in triggers:
        cursor.execute(made_by)
    cursor.execute(REFUSE_WRITE)
    refuse_writes(cursor, first)
    make_newest(cursor, table, end)
    _hand_over_rights(cursor, table, first)


def _lock(cursor: CursorWrapper, table: str, before: Sequence[str]) -> None:
    """The table, and the sequence of its ids, which is to be another.

    Some draw ids and then insert their rows, as workers do: they wait for the table here, and would
    be waited for. So all is let go as soon as somebody holds what is wanted next, until nobody
    does. Who comes to draw in between finds no such sequence any more; whoever has to lock
    ``before`` first doesn't come to it, and others do again what they were at.
    """
    wanted: list[str] = [
        *[f"LOCK TABLE {name} IN EXCLUSIVE MODE" for name in before],
        f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
        f"ALTER SEQUENCE {table}_id_seq NO CYCLE",  # which changes nothing
    ]
    for _ in range(_LOOKS):
        with suppress(_Held), transaction.atomic(using=cursor.db.alias):
            wait_shortly(cursor, _LOCK_WAIT_MS)
            cursor.execute(wanted[0])
            _lock_others(cursor, wanted[1:])
            return
        time.sleep(_BETWEEN_LOOKS_S)
    raise _Held


class _Held(Exception):
    """Somebody holds what is wanted, and may be waiting for what is locked already."""


def _lock_others(cursor: CursorWrapper, statements: Sequence[str]) -> None:
    """Raises _Held."""
    wait_shortly(cursor, _OTHERS_WAIT_MS)
    try:
        for statement in statements:
            cursor.execute(statement)
    except OperationalError as error:
        if is_held(error):
            raise _Held from error
        raise


def _step_aside(
    cursor: CursorWrapper,
    table: str,
    first: str,
    indexes: list[tuple[Any, ...]],
    triggers: list[tuple[Any, ...]],
) -> None:
    """The names are the new table's from now on."""
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {name} ON {table}")
    cursor.execute(f"ALTER TABLE {table} RENAME TO {first}")
    for name, _, _ in indexes:
        cursor.execute(f"ALTER INDEX {name} RENAME TO {first}_{name.removeprefix(f'{table}_')}")


def _hand_over_ids(cursor: CursorWrapper, table: str, first: str) -> None:
    sequence = f"{table}_id_seq"
    ((last, is_called),) = _ask(cursor, f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608
    cursor.execute(f"ALTER TABLE {first} ALTER COLUMN id DROP IDENTITY")
    cursor.execute(f"CREATE SEQUENCE {sequence} AS bigint OWNED BY {table}.id")
    cursor.execute("SELECT setval(%s::regclass, %s, %s)", [sequence, last, is_called])
    for one in (table, first):
        cursor.execute(
            f"ALTER TABLE {one} ALTER COLUMN id SET DEFAULT nextval('{sequence}'::regclass)"
        )


def _hand_over_rights(cursor: CursorWrapper, table: str, first: str) -> None:
    ((owner,),) = _ask(cursor, _OWNER, first)
    cursor.execute(f"ALTER TABLE {table} OWNER TO {owner}")
    for (grant,) in (
        *_ask(cursor, _RIGHTS, table, first),
        *_ask(cursor, _RIGHTS_TO_COLUMNS, table, first),
        *_ask(cursor, _RIGHTS_TO_IDS, f"{table}_id_seq", first),
    ):
        cursor.execute(grant)
