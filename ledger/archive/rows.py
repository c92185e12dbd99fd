"""What rows of a file look like, and what a file of postings adds up to."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.db import OperationalError

log = structlog.get_logger(__name__)

Row = tuple[Any, ...]  # as the columns of its table have them


class ColumnKind(StrEnum):
    RISING = "rising"  # a whole number, by little from one row to the next
    NUMBER = "number"
    WORD = "word"  # of few, or none
    NUMBER_OR_NONE = "number or none"
    TIME = "time"


class Layout(NamedTuple):
    """A table whose partitions can be files: by which columns a file has its rows, the id first.
    ``summed``: the one that a file is added up by."""

    table: str
    columns: tuple[tuple[str, ColumnKind], ...]
    summed: str
    version: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


POSTINGS = Layout(
    "ledger_posting",
    (
        ("id", ColumnKind.RISING),
        ("entry_id", ColumnKind.RISING),
        ("account_id", ColumnKind.NUMBER),
        ("amount_units", ColumnKind.NUMBER),
        ("kind", ColumnKind.WORD),
    ),
    summed="amount_units",
    version=1,
)


class ArchiveUnreadable(OperationalError):
    """A file is away, or not as it was written. Whoever can do without Postgres for a while can do
    without its files; nobody is answered without them."""


def unreadable(why: str) -> ArchiveUnreadable:
    """Operators are told, in the log: who asked is told that Postgres doesn't answer."""
    log.error("archive_unreadable", why=why)
    return ArchiveUnreadable(why)


class Held(NamedTuple):
    """How a file was when it was written."""

    size_bytes: int
    footer_sha256: str


class Stored(NamedTuple):
    """Where a file is, and what is expected there."""

    path: Path
    held: Held
    layout: Layout


@dataclass
class Contents:
    """What a file adds up to: by account rows, sums and the groups they lie in."""

    row_count: int = 0
    amount_units: int = 0
    first_entry_id: int = 0
    last_entry_id: int = 0
    rows_of: Counter[int] = field(default_factory=Counter)
    units_of: Counter[int] = field(default_factory=Counter)
    groups_of: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, group: int, rows: Sequence[Row]) -> None:
        for _, entry_id, account_id, units, _ in rows:
            self.amount_units += units
            self.units_of[account_id] += units
            self.rows_of[account_id] += 1
            if not self.row_count or entry_id < self.first_entry_id:
                self.first_entry_id = entry_id
            self.last_entry_id = max(self.last_entry_id, entry_id)
            self.row_count += 1
        for account_id in {row[2] for row in rows}:
            self.groups_of[account_id].append(group)
