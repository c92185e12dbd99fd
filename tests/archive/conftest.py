"""A session whose postings, or whose fills, lie in several partitions, sealed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

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
from tests.archive.planting import plant_fills
from tests.builders.partitions import FILLS, POSTINGS, cut_at, cut_behind
from tests.reconcile.keeping import Kept, keep, put_back
from tests.reconcile.sealed import last_entry
from tests.reconcile.session import make_session
from trading.partitions import partition_widths

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


class Played(NamedTuple):
    """A session, and where it lies. Put back it is there in a moment."""

    kept: Kept
    before: list[Partition]  # the newest of each table, as it began
    ends: list[int]


@pytest.fixture(scope="package")
def played() -> dict[str, Played]:
    """By table."""
    return {}


@contextmanager
def session_in_parts(
    client: redis.Redis,
    played: dict[str, Played],
    table: str,
    widths: tuple[int, ...],
    play: Callable[[], None],
) -> Iterator[list[Partition]]:
    forget_markets()
    refusals.forget()
    before = [partitions_of(one)[-1] for one in partition_widths()]
    one = played.get(table)
    if one is not None and one.before == before:
        with cut_at(table, one.ends) as partitions, partitions_kept(table):
            put_back(client, one.kept)
            yield partitions
    else:
        with cut_behind(table, *widths) as partitions, partitions_kept(table):
            play()
            seal_all()
            ends = [partition.end for partition in partitions if partition.end is not None]
            played[table] = Played(keep(client), before, ends)
            yield partitions
    forget_markets()
    refusals.forget()


@pytest.fixture
def parts(
    transactional_db: None,
    redis_db: redis.Redis,
    archive_dir: Path,
    played: dict[str, Played],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[Partition]]:
    """Five, of which ids have left four; each of these has several groups of rows in its file."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 16)

    def play() -> None:
        # Nothing of this one is ever in a younger partition than the first.
        silent = User.objects.create(username="silent", password="!")
        deposit(silent.pk, 5_000_000, approved=True)
        make_session(redis_db, seed=11, orders=40)

    with session_in_parts(redis_db, played, POSTINGS, WIDTHS, play) as partitions:
        yield partitions


@pytest.fixture
def parts_of_fills(
    transactional_db: None,
    redis_db: redis.Redis,
    archive_dir: Path,
    played: dict[str, Played],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[Partition]]:
    """As `parts`, of fills; postings are in one partition."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 8)
    monkeypatch.setattr(fills, "LOOKED_AT", timedelta(0))

    def play() -> None:
        make_session(redis_db, seed=5, orders=60)

    with session_in_parts(redis_db, played, FILLS, WIDTHS_OF_FILLS, play) as partitions:
        yield partitions


@pytest.fixture
def planted(
    transactional_db: None,
    redis_db: redis.Redis,
    archive_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[Partition]]:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 5)
    with cut_behind(FILLS, 13, 16, 18, 11) as partitions, partitions_kept(FILLS):
        plant_fills()
        yield partitions
