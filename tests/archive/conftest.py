"""A session whose postings, or whose fills, lie in several partitions, sealed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import LazySettings
from django.db import connection, transaction

from accounts.access.refusals import refusals
from accounts.models import User
from common.postgres.partitions import Partition, attach, make_apart, partitions_of
from ledger.archive import parquet
from ledger.balances.kinds import add_new_entries
from ledger.services import deposit
from markets.rules import forget_markets
from persistence.archiving import fills
from persistence.reconciliation.sealer import seal_stretches
from persistence.sealing.scope import newest_seal
from tests.builders.partitions import FILLS, POSTINGS, cut_behind
from tests.reconcile.sealed import last_entry
from tests.reconcile.session import make_session

WIDTHS = (60, 101, 97, 45)
WIDTHS_OF_FILLS = (14, 21, 19, 9)


@contextmanager
def partitions_kept(table: str) -> Iterator[None]:
    """Those that went are there again afterwards, without their rows."""
    before = partitions_of(table)
    try:
        yield
    finally:
        there = partitions_of(table)
        with transaction.atomic(), connection.cursor() as cursor:
            for partition in before:
                if partition not in there:
                    make_apart(cursor, table, partition)
                    attach(cursor, table, partition)


def seal_all() -> None:
    """Whatever a partition has to wait for is done."""
    before = newest_seal()
    assert seal_stretches(last_entry() - (before.last_entry_id if before else 0))
    add_new_entries()


@pytest.fixture
def archive_dir(settings: LazySettings, tmp_path: Path) -> Path:
    settings.LIMITS = False  # more is asked than a trader may
    settings.ARCHIVE_DIR = tmp_path / "archive"
    return tmp_path / "archive"


@pytest.fixture
def parts(
    transactional_db: None,
    redis_db: redis.Redis,
    archive_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[Partition]]:
    """Five, of which ids have left four; each of these has several groups of rows in its file."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 16)
    forget_markets()
    refusals.forget()
    with cut_behind(POSTINGS, *WIDTHS) as partitions, partitions_kept(POSTINGS):
        # Nothing of this one is ever in a younger partition than the first.
        silent = User.objects.create(username="silent", password="!")
        deposit(silent.pk, 5_000_000, approved=True)
        make_session(redis_db, seed=11, orders=40)
        seal_all()
        yield partitions
    forget_markets()
    refusals.forget()


@pytest.fixture
def parts_of_fills(
    transactional_db: None,
    redis_db: redis.Redis,
    archive_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[Partition]]:
    """As `parts`, of fills; postings are in one partition."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 8)
    monkeypatch.setattr(fills, "LOOKED_AT", timedelta(0))
    forget_markets()
    refusals.forget()
    with cut_behind(FILLS, *WIDTHS_OF_FILLS) as partitions, partitions_kept(FILLS):
        make_session(redis_db, seed=5, orders=60)
        seal_all()
        yield partitions
    forget_markets()
    refusals.forget()
