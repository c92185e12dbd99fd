"""What is particular to each table whose partitions can go to files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

from common.postgres.partitions import Partition
from ledger.archive.models import ArchiveFile
from ledger.archive.rows import Layout, Row
from persistence.sealing.models import JournalSeal


class ArchiveRefused(Exception):
    """What can't be done, and what to do about it, in one line."""


class FileContents(Protocol):
    """What rows of a file add up to. ``amount_units``: of the column that its layout sums."""

    row_count: int
    amount_units: int

    def add(self, group: int, rows: Sequence[Row]) -> None: ...


class ArchivedKind(ABC):
    """``rows``: what its rows are called."""

    layout: ClassVar[Layout]
    rows: ClassVar[str]

    @abstractmethod
    def contents(self) -> FileContents:
        """Of no rows yet."""

    @abstractmethod
    def why_not(self, partition: Partition, seal: JournalSeal) -> str:
        """Why a partition that ids have left may not go yet; empty where it may."""

    def columns_of(self, _contents: Any) -> dict[str, int]:
        """Further columns of the file's row."""
        return {}

    @abstractmethod
    def tell(
        self, file: ArchiveFile, partition: Partition, contents: Any, seal: JournalSeal
    ) -> None:
        """What is asked of the file later, kept in Postgres beside its row."""

    @abstractmethod
    def wrong_with(self, file: ArchiveFile, contents: Any) -> Iterator[str]:
        """Where that is not what the file has."""
