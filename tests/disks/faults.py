"""Which disks are filled, how, and what has to be said while they are full."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import redis

from tests.disks.exchange import DiskExchange


def nothing(_exchange: DiskExchange) -> None: ...


def switch_wal(exchange: DiskExchange) -> None:
    """Postgres needs a new file for what is written next."""
    with suppress(psycopg.Error):  # it is what this leads to: Postgres ends, and is away
        exchange.switch_wal()


def wait_for_each_write(exchange: DiskExchange) -> None:
    """As with real money; until Redis is started anew."""
    with exchange.store() as client:
        client.config_set("appendfsync", "always")


def write(exchange: DiskExchange) -> None:
    with suppress(redis.RedisError), exchange.store() as client:  # it is what this leads to
        client.set("drill", "x" * 100_000)


@dataclass(frozen=True, kw_only=True)
class FullDisk:
    """``before`` is done once, ``meanwhile`` again and again. ``says``: what GET /health says then,
    or the beginning of what a command of an operator's says."""

    name: str
    disk: str
    says: tuple[str, ...] = ()
    is_well: bool = False  # GET /health goes on to answer 200
    ends: frozenset[str] = field(default_factory=frozenset)  # parts that may, and are started again
    before: Callable[[DiskExchange], None] = nothing
    meanwhile: Callable[[DiskExchange], None] = nothing
    command: tuple[str, ...] = ()
    refuses: str = ""


FULL_DISKS = (
    FullDisk(name="logs", disk="logs", is_well=True),
    FullDisk(name="temporary files", disk="temporary", is_well=True),
    # The played chain is the outside world's: what it says must be on its disk before.
    FullDisk(name="files", disk="data", is_well=True, ends=frozenset({"chain"})),
    FullDisk(
        name="backups",
        disk="backups",
        says=("WAL archive: has archived nothing for",),
        is_well=True,
        meanwhile=switch_wal,
        command=("backup",),
        refuses="Error: ",
    ),
    FullDisk(
        name="Redis",
        disk="redis",
        says=("Redis: can't append to its file, and takes no writes",),
        ends=frozenset({"worker"}),  # of Celery's own accord
        meanwhile=write,
    ),
    FullDisk(
        name="Redis that waits for its disk",
        disk="redis",
        ends=frozenset({"worker", "redis"}),
        before=wait_for_each_write,
        meanwhile=write,
    ),
    FullDisk(
        name="Postgres",
        disk="postgres",
        says=("persists nothing: ", "No space left on device"),
        ends=frozenset({"worker"}),
    ),
    FullDisk(
        name="Postgres' WAL",
        disk="postgres",
        says=("Postgres: does not answer",),
        ends=frozenset({"postgres", "worker"}),
        meanwhile=switch_wal,
    ),
)
