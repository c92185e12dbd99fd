"""`migrate` that was killed is run again, and does what is left to do."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import User
from exchange_site.management.commands import migrate
from tests.builders.plain_orders import another_database
from trading.partitions import orders_are_partitioned

# An index that is made beside traffic; tables with indexes; tables with foreign keys.
KILLED_AT = [
    ("trading", "0003_fills_by_trade"),
    ("trading", "0005_order_names"),
    ("trading", "0007_files_of_fills"),
]


@pytest.fixture
def empty(transactional_db: None) -> Iterator[None]:
    with another_database():
        yield


@pytest.mark.usefixtures("empty")
def test_it_goes_on_from_a_migration_that_nobody_wrote_down() -> None:
    """Whoever is killed as he comes to write it down has done what he did."""
    record, left = MigrationRecorder.record_applied, list(KILLED_AT)

    def die_once(recorder: MigrationRecorder, app: str, name: str) -> None:
        if (app, name) in left:
            left.remove((app, name))
            raise KeyboardInterrupt
        record(recorder, app, name)

    with patch.object(MigrationRecorder, "record_applied", die_once):
        for _ in KILLED_AT:
            with pytest.raises(KeyboardInterrupt):
                call_command("migrate", verbosity=0)
            connection.close()
        call_command("migrate", verbosity=0)
    assert left == []
    call_command("migrate", check_unapplied=True, verbosity=0)
    assert orders_are_partitioned()


@pytest.mark.parametrize("has_user", [False, True])
@pytest.mark.usefixtures("empty")
def test_orders_get_into_partitions_where_nobody_can_be_there(has_user: bool) -> None:
    with (
        patch.object(migrate, "partition_orders_of", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        call_command("migrate", verbosity=0)
    if has_user:
        User.objects.create_user("alice", password="a long enough secret")
    call_command("migrate", plan=True, verbosity=0)
    assert not orders_are_partitioned()
    call_command("migrate", verbosity=0)
    assert orders_are_partitioned() is not has_user
