"""A migration that is killed at any moment can be run again.

Django writes down that one is applied in its own transaction, unless it has statements that are put
off to its end (foreign keys, indexes of new tables): then it does so behind it, and whoever is
killed in between can't go on: the tables are there already. Here they come before that is written
down. An index that is made beside traffic is in no transaction: what a killed run left of it, valid
or not, is dropped before it is made anew.
"""

from collections.abc import Callable
from functools import partial

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

Apply = Callable[[ProjectState, BaseDatabaseSchemaEditor], ProjectState]


def make_resumable(migration: Migration, connection: BaseDatabaseWrapper) -> None:
    """Before it is applied, outside a transaction."""
    migration.apply = partial(_apply_whole, migration.apply)  # type: ignore[method-assign]
    for operation in migration.operations:
        if isinstance(operation, AddIndexConcurrently):
            name = connection.ops.quote_name(operation.index.name)
            with connection.cursor() as cursor:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _apply_whole(
    apply: Apply, state: ProjectState, editor: BaseDatabaseSchemaEditor
) -> ProjectState:
    after = apply(state, editor)
    for statement in editor.deferred_sql:
        editor.execute(statement, None)
    editor.deferred_sql.clear()
    return after
