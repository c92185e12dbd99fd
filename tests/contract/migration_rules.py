"""May this migration run while the exchange does, and the release before it after that?

Each check yields a finding in words. Two questions of every operation: does the older release,
which neither reads nor writes what is new, still work on the new schema? And does anybody wait for
the migration longer than for a glance at the catalogue: is a table rewritten, scanned or indexed
under a lock? What a table made by the same release needs is nobody's concern.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import connection, migrations, models
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.expressions import Value

from common.postgres.schema.partitioning import PartitionById
from common.postgres.schema.tables import CreateTables

Model = tuple[str, str]

HARMLESS = (
    migrations.CreateModel,
    CreateTables,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.AlterModelTableComment,
    migrations.RemoveIndex,
    migrations.RemoveConstraint,
    AddConstraintNotValid,
    ValidateConstraint,
)
# Looks through the table while others write, and puts it together in milliseconds; to whoever names
# the table it is the one that it was.
PARTITIONED = (PartitionById,)
CONCURRENT = (AddIndexConcurrently, RemoveIndexConcurrently)
TAKES_AWAY = (
    migrations.DeleteModel,
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
_SQL = (
    (r"\bDROP\s+(TABLE|COLUMN|VIEW)\b", "takes away what the older release knows"),
    (r"\bRENAME\b", "takes away what the older release knows"),
    (r"\bSET\s+NOT\s+NULL\b", "scans the table, and the older release may write NULL"),
    (r"\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b", "may rewrite the table"),
    (r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)", "builds an index under a lock"),
    (r"\bADD\s+CONSTRAINT\b(?![^;]*\bNOT\s+VALID\b)", "scans the table under a lock"),
    # Not the events of a trigger: AFTER UPDATE ON, OF or OR.
    (
        r"\b(UPDATE(?!\s+(ON|OF|OR)\b)|DELETE\s+FROM)\s+\w+",
        "changes rows in the migration's one transaction",
    ),
)


def findings(migration: Migration, before: ProjectState, made: Collection[Model]) -> Iterator[str]:
    """``made`` are the tables that are new since the release: (app, model in lower case)."""
    state = before.clone()
    made = set(made)
    for operation in migration.operations:
        for finding in _of_operation(migration, operation, state, made):
            yield f"{migration.app_label}.{migration.name}: {operation.describe()}: {finding}"
        made |= made_by(migration.app_label, operation)
        operation.state_forwards(migration.app_label, state)


def made_by(app: str, operation: Operation) -> set[Model]:
    if isinstance(operation, migrations.CreateModel):
        return {(app, operation.name_lower)}
    if isinstance(operation, CreateTables):
        return {(app, table.name_lower) for table in operation.tables}
    return set()


def _of_operation(
    migration: Migration, operation: Any, state: ProjectState, made: Collection[Model]
) -> Iterator[str]:
    model = (migration.app_label, _model_name(operation))
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _of_operation(migration, inner, state, made)
    elif isinstance(operation, migrations.RunSQL):
        yield from _of_sql(operation)
    elif isinstance(operation, migrations.RunPython):
        if migration.atomic:
            yield "holds its locks to the end: atomic = False, and a transaction a batch"
    elif isinstance(operation, (*CONCURRENT, *PARTITIONED)):
        if migration.atomic:
            yield "needs atomic = False"
    elif not isinstance(operation, HARMLESS) and model not in made:
        yield from _of_old_table(model, operation, state)


def _of_old_table(model: Model, operation: Any, state: ProjectState) -> Iterator[str]:
    if isinstance(operation, TAKES_AWAY):
        yield "takes away what the older release knows"
    elif isinstance(operation, migrations.AddField):
        yield from _of_new_field(operation.field)
    elif isinstance(operation, migrations.AlterField):
        old = state.models[model].fields[operation.name]
        yield from _of_altered_field(old, operation.field)
    elif isinstance(operation, migrations.AddIndex):
        yield "builds an index under a lock: AddIndexConcurrently"
    elif isinstance(operation, migrations.AddConstraint):
        yield from _of_constraint(operation.constraint)
    else:
        yield "is judged by no rule: read what it locks, and add one"


def _model_name(operation: Any) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None)
    return str(name or "").lower()


def _of_new_field(field: Any) -> Iterator[str]:
    if field.many_to_many:
        return
    default = field.db_default
    has_default = default is not models.NOT_PROVIDED
    if not field.null and not has_default:
        yield "rows of the older release would lack it: null, or db_default"
    if has_default and hasattr(default, "resolve_expression") and not isinstance(default, Value):
        yield "rewrites the table: db_default must be a constant"
    if getattr(field, "generated", False):
        yield "rewrites the table: a generated column"
    yield from _of_what_comes_with(field)


def _of_what_comes_with(field: Any) -> Iterator[str]:
    if field.unique:
        yield "builds an index under a lock: a constraint of its own, over one made concurrently"
    elif field.db_index:
        yield "builds an index under a lock: db_index=False and AddIndexConcurrently"
    if field.remote_field is not None and field.db_constraint:
        yield "scans the table under a lock: db_constraint=False, or added NOT VALID"


def _of_altered_field(old: Any, new: Any) -> Iterator[str]:
    if old.null and not new.null:
        yield "scans the table, and the older release may write NULL"
    if old.db_default is not models.NOT_PROVIDED and new.db_default is models.NOT_PROVIDED:
        yield "rows of the older release would lack it: its db_default stays"
    if old.db_type(connection) != new.db_type(connection) and not _only_wider(old, new):
        yield "may rewrite the table, and the older release has another type"
    if (new.unique, new.db_index) != (old.unique, old.db_index):
        yield from _of_what_comes_with(new)


def _only_wider(old: Any, new: Any) -> bool:
    """A longer text, which only the catalogue has to know."""
    texts = (models.CharField, models.TextField)
    if not (isinstance(old, texts) and isinstance(new, texts)):
        return False
    return new.max_length is None or (old.max_length or new.max_length + 1) <= new.max_length


def _of_constraint(constraint: models.BaseConstraint) -> Iterator[str]:
    if isinstance(constraint, models.CheckConstraint):
        yield "scans the table under a lock: AddConstraintNotValid, then ValidateConstraint"
    else:
        yield "builds an index under a lock, and may refuse what the older release writes"


def _of_sql(operation: migrations.RunSQL) -> Iterator[str]:
    said = operation.sql if isinstance(operation.sql, str) else "\n".join(map(str, operation.sql))
    said = re.sub(r"(?s)\$\$.*?\$\$|--[^\n]*", "", said)  # bodies of functions do nothing yet
    for pattern, finding in _SQL:
        if re.search(pattern, said, re.IGNORECASE):
            yield finding
