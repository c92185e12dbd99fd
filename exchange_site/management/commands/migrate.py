"""Django's, for databases of before 0.1.0, too.

Migrations began anew then, one to an app, and those of before make the same tables. Where all of
them are applied nothing is left to do but to say so; one that stopped half way is named and left
alone, since the first migrations have the names that they had.

One that is killed at any moment is run again (`common.postgres.schema.resumption`).

A database on which nobody has signed up has its orders in partitions at once; of another that is a
step of its own (`manage.py partitionorders`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import User
from common.postgres.alone import alone
from common.postgres.schema.resumption import make_resumable
from trading.models import OrderName
from trading.partitions import partition_orders_of

LOCK = 0x6D696772  # "migr"
ASK_EVERY_S = 0.5
FIRST = ("accounts", "0001_initial")
SECOND_OF_BEFORE = ("accounts", "0002_user_joined")
COLUMN_OF_BEFORE = ("accounts_user", "first_name")  # of the first migration, gone by the eighth
LAST_OF_BEFORE = {
    "accounts": "0012_person_mail",
    "approvals": "0002_beneficiaries",
    "console": "0015_measure_of_daily_files",
    "custody": "0003_float_parts_before",
    "ledger": "0010_withdrawal_to_address",
    "mails": "0002_secret",
    "persistence": "0005_seals",
    "prices": "0002_home_price",
    "trading": "0020_outbox_amending",
}
NOT_BY_THEN = ("accounts", "0002_proposed")  # the one name that no database of before has


class OlderDatabase(CommandError):
    """Its tables are others than those that migrations go on from."""


class Command(migrate.Command):
    _database = DEFAULT_DB_ALIAS

    def handle(self, *args: Any, **options: Any) -> None:
        with self._turn():
            self._migrate(*args, **options)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A second one would meet the first's tables half made; once that is done it finds nothing
        left to do. It asks now and then: a statement that waited would hold up indexes that are
        made concurrently."""
        is_told = False
        while True:
            with alone(LOCK) as is_alone:
                if is_alone:
                    yield
                    return
            if not is_told:
                self.stdout.write("another migrate is under way: waiting for it")
                is_told = True
            time.sleep(ASK_EVERY_S)

    def _migrate(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if _is_of_before(connection):
            _require_all_of_before(connection)
            if not (options["plan"] or options["check_unapplied"]):
                _take_over(connection)
        self._database = connection.alias
        try:
            super().handle(*args, **options)
            if not options["plan"] and _is_nobodys(connection):
                partition_orders_of(connection)
        except InconsistentMigrationHistory as error:
            raise OlderDatabase(
                "the database was made before 0.1.0, whose tables are others"
            ) from error

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action == "apply_start" and migration is not None and not fake:
            make_resumable(migration, connections[self._database])


def _is_nobodys(connection: BaseDatabaseWrapper) -> bool:
    """No release before can take an order there. False where it was asked for a part of the
    migrations, or for none, and orders have no keys yet."""
    has_keys = OrderName._meta.db_table in connection.introspection.table_names()
    return has_keys and not User.objects.using(connection.alias).exists()


def _is_of_before(connection: BaseDatabaseWrapper) -> bool:
    applied = MigrationRecorder(connection).applied_migrations()
    return FIRST in applied and (SECOND_OF_BEFORE in applied or _has_column_of_before(connection))


def _has_column_of_before(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s",
            COLUMN_OF_BEFORE,
        )
        return cursor.fetchone() is not None


def _require_all_of_before(connection: BaseDatabaseWrapper) -> None:
    applied = MigrationRecorder(connection).applied_migrations().keys()
    if not LAST_OF_BEFORE.items() <= applied:
        raise OlderDatabase(
            "the database stopped half way through migrations of before 0.1.0: finish them with "
            "the code that began them"
        )


def _take_over(connection: BaseDatabaseWrapper) -> None:
    """What was applied and is gone is forgotten: no later migration may be taken for it."""
    loader = MigrationLoader(connection)
    recorder = MigrationRecorder(connection)
    with transaction.atomic(using=connection.alias):
        for app, name in loader.applied_migrations.keys() - loader.disk_migrations.keys():
            if app in LAST_OF_BEFORE:
                recorder.record_unapplied(app, name)
        recorder.record_applied(*NOT_BY_THEN)
