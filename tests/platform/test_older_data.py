"""Data of before the first release go on where they are whole, and are named where they aren't."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from exchange_site.embedded.errors import ServiceError
from exchange_site.management.commands.migrate import (
    LAST_OF_BEFORE,
    NOT_BY_THEN,
    SECOND_OF_BEFORE,
)
from exchange_site.management.commands.runexchange import Command

pytestmark = pytest.mark.django_db


@pytest.fixture
def recorder() -> MigrationRecorder:
    """Of a database whose tables migrations of before have made, all of them."""
    call_command("migrate", *NOT_BY_THEN, verbosity=0)  # what came later is undone
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied(*NOT_BY_THEN)
    for migration in {SECOND_OF_BEFORE, *LAST_OF_BEFORE.items()}:
        recorder.record_applied(*migration)
    return recorder


def later() -> set[tuple[str, str]]:
    on_disk = MigrationLoader(None).disk_migrations
    return {one for one in on_disk if one[0] == NOT_BY_THEN[0] and one > NOT_BY_THEN}


def applied() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


def refused(folder: Path) -> str:
    """By both who migrate, in the same words."""
    with pytest.raises(CommandError) as told:
        call_command("migrate", verbosity=0)
    run: Any = SimpleNamespace(data=folder, demo=False)
    with pytest.raises(ServiceError) as named:
        Command().prepare_database(run)
    assert str(named.value).startswith(f"{told.value}; or move {folder} away")
    return str(told.value)


def test_a_whole_one_is_up_to_date(recorder: MigrationRecorder) -> None:
    of_before = applied()
    with pytest.raises(SystemExit):
        call_command("migrate", check_unapplied=True, verbosity=0)
    call_command("migrate", plan=True, verbosity=0)
    assert applied() == of_before  # who only looks changes nothing
    call_command("migrate", verbosity=0)
    kept = of_before - {SECOND_OF_BEFORE, *LAST_OF_BEFORE.items()}
    assert applied() == kept | {NOT_BY_THEN} | later()
    call_command("migrate", check_unapplied=True, verbosity=0)


@pytest.mark.parametrize("app", LAST_OF_BEFORE)
def test_one_that_stopped_half_way_is_refused(
    tmp_path: Path, recorder: MigrationRecorder, app: str
) -> None:
    recorder.record_unapplied(app, LAST_OF_BEFORE[app])
    of_before = applied()
    assert "half way" in refused(tmp_path)
    assert applied() == of_before


def test_one_that_stopped_at_the_first_is_refused(tmp_path: Path) -> None:
    """Its first migration has the name of ours, and other columns."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_user ADD first_name varchar(150)")
    assert "half way" in refused(tmp_path)


def test_one_of_other_tables_is_refused(tmp_path: Path) -> None:
    recorded = MigrationRecorder(connection).migration_qs
    recorded.filter(app="markets").delete()  # as it is where these tables are of trading
    assert "was made before 0.1.0" in refused(tmp_path)
