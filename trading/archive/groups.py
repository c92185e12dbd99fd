"""A group of rows of a file: what is in it at most, and the fills that are asked for."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from common.postgres.windows import Window
from ledger.archive.rows import Stored
from trading.archive.rows import ArchivedFill


class RowGroup(NamedTuple):
    """Raises ArchiveUnreadable, whatever is asked of it."""

    place: Stored
    number: int

    def bounds(self, column: str) -> tuple[Any, Any]:
        """Of a column that each row has."""
        from ledger.archive import parquet  # as its first file is read

        return cast("tuple[Any, Any]", parquet.bounds(*self, column))

    def is_between(self, column: str, first: int, end: int) -> bool:
        lowest, highest = self.bounds(column)
        return bool(highest >= first and lowest < end)

    def is_within(self, window: Window) -> bool:
        first, last = self.times
        return (window.start is None or last >= window.start) and (
            window.end is None or first < window.end
        )

    @property
    def last_id(self) -> int:
        from ledger.archive import parquet  # as its first file is read

        return parquet.last_id_of(*self)

    @property
    def times(self) -> tuple[datetime, datetime]:
        return self.bounds("executed_at")

    def is_around(self, column: str, values: Collection[int]) -> bool:
        """Whether one of these can be in it."""
        from ledger.archive import parquet  # as its first file is read

        said = parquet.bounds(*self, column)
        return said is not None and any(said[0] <= one <= said[1] for one in values)

    def rows(self, values: Mapping[str, Collection[Any]]) -> list[ArchivedFill]:
        """Those that have one of these in each of the columns."""
        from ledger.archive import parquet  # as its first file is read

        return [ArchivedFill._make(row) for row in parquet.rows_of(*self, values)]
