"""Data of before the first release are named, not half migrated."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from exchange_site.embedded.errors import ServiceError
from exchange_site.management.commands.runexchange import Command


@pytest.mark.django_db
def test_a_database_of_before_is_named(tmp_path: Path) -> None:
    applied = MigrationRecorder(connection).migration_qs
    applied.filter(app="markets").delete()  # as it is where these tables are of trading
    run: Any = SimpleNamespace(data=tmp_path, demo=False)
    with pytest.raises(ServiceError, match=r"was made before 0\.1\.0") as told:
        Command().prepare_database(run)
    assert str(tmp_path) in str(told.value)
