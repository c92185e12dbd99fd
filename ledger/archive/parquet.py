"""A file of rows: Parquet, in the order of their ids, in groups of `GROUP_ROWS`.

Compressed by zstd, each page with a checksum that is verified as it is read. Numbers are 64-bit
integers, as in Postgres; words a dictionary; times microseconds. Nothing here asks Postgres.

Imported as the first file is read or written: few processes ever do, and what reads Parquet takes
as much memory as half of them.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger.archive.rows import (
    ArchiveUnreadable,
    ColumnKind,
    Held,
    Layout,
    Row,
    Stored,
    unreadable,
)

GROUP_ROWS = 32_768
_FIELDS: Mapping[ColumnKind, tuple[Any, bool]] = {  # and whether one may have none
    ColumnKind.RISING: (pa.int64(), False),
    ColumnKind.NUMBER: (pa.int64(), False),
    ColumnKind.NUMBER_OR_NONE: (pa.int64(), True),
    ColumnKind.WORD: (pa.dictionary(pa.int32(), pa.string()), True),
    ColumnKind.TIME: (pa.timestamp("us", tz="UTC"), False),
}
_ENCODINGS = {ColumnKind.RISING: "DELTA_BINARY_PACKED"}
_ZSTD_LEVEL = 9
_TAIL_BYTES = 8  # the footer's length, and the word that ends each file
_READ_BYTES = 1 << 20
# Kept open by a process: of a file of 40 million fills each takes 12 MB.
_FOOTERS_KEPT = 4


def schema_of(layout: Layout) -> Any:
    return pa.schema(
        [pa.field(name, *_FIELDS[kind]) for name, kind in layout.columns],
        metadata={"table": layout.table, "version": str(layout.version)},
    )


# --- writing --------------------------------------------------------------------------------------


def write(path: Path, layout: Layout, groups: Iterator[Sequence[Row]]) -> None:
    """Readable by its owner alone, and on the disk when this returns. What had that name before is
    gone. Raises OSError."""
    path.unlink(missing_ok=True)
    schema = schema_of(layout)
    words = [name for name, kind in layout.columns if kind is ColumnKind.WORD]
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR), "wb") as file:
        with pq.ParquetWriter(
            file,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=words,
            column_encoding={
                name: _ENCODINGS.get(kind, "PLAIN")
                for name, kind in layout.columns
                if kind is not ColumnKind.WORD
            },
            write_page_checksum=True,
        ) as writer:
            for rows in groups:
                columns = zip(*rows, strict=True)
                arrays = [
                    pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=schema), row_group_size=len(rows))
        file.flush()
        os.fsync(file.fileno())


def keep_name(folder: Path) -> None:
    """What was renamed in a folder stays so, whatever happens to the machine."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# --- reading --------------------------------------------------------------------------------------


def sha256_of(path: Path) -> str:
    """Raises ArchiveUnreadable."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def held_by(path: Path) -> Held:
    """Raises ArchiveUnreadable."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            length = int.from_bytes(file.read(4), "little")
            file.seek(max(0, size - _TAIL_BYTES - length))
            return Held(size, hashlib.sha256(file.read()).hexdigest())
    except OSError as error:
        raise _unreadable(path, error) from error


def groups_of(stored: Stored) -> Iterator[list[Row]]:
    """All rows, a group at a time. Raises ArchiveUnreadable."""
    for number in range(group_count(stored)):
        yield _rows(stored, _read(stored, number))


def group_count(stored: Stored) -> int:
    """Raises ArchiveUnreadable."""
    return int(_metadata(stored).num_row_groups)


def bounds(stored: Stored, number: int, column: str) -> tuple[Any, Any] | None:
    """The least and the greatest of a group, None of no row with one. Raises ArchiveUnreadable."""
    place = stored.layout.names.index(column)
    said = _metadata(stored).row_group(number).column(place).statistics
    return (said.min, said.max) if said.has_min_max else None


def has_ids_of(stored: Stored, number: int, first_id: int, last_id: int) -> bool:
    """Whether a group has any from the first to the last. Raises ArchiveUnreadable."""
    said = bounds(stored, number, "id")
    return said is not None and bool(said[1] >= first_id and said[0] <= last_id)


def last_id_of(stored: Stored, number: int) -> int:
    """Raises ArchiveUnreadable."""
    place = stored.layout.names.index("id")
    return int(_metadata(stored).row_group(number).column(place).statistics.max)


def rows_with(
    stored: Stored, column: str, values: Collection[Any], numbers: Collection[int] | None = None
) -> Iterator[list[Row]]:
    """Of the groups, all or these, in which the column's values lie around these. Raises
    ArchiveUnreadable."""
    for number in range(group_count(stored)) if numbers is None else numbers:
        said = bounds(stored, number, column)
        wanted = [one for one in values if said and said[0] <= one <= said[1]]
        if wanted:
            yield rows_of(stored, number, {column: wanted})


def rows_of(stored: Stored, number: int, values: Mapping[str, Collection[Any]]) -> list[Row]:
    """Those of a group that have one of these in each of the columns: which say whether the others
    are worth reading. Raises ArchiveUnreadable."""
    if not values:
        return _rows(stored, _read(stored, number))
    named = _read(stored, number, list(values))
    found = None
    for column, some in values.items():
        of_column = named[column]
        if pa.types.is_dictionary(of_column.type):
            of_column = of_column.cast(of_column.type.value_type)
        has_one = pc.is_in(of_column, value_set=pa.array(some, of_column.type))
        found = has_one if found is None else pc.and_(found, has_one)
    if not pc.any(found).as_py():
        return []
    return _rows(stored, _read(stored, number).filter(found))


def _rows(stored: Stored, table: Any) -> list[Row]:
    return list(zip(*(table[name].to_pylist() for name in stored.layout.names), strict=True))


def _read(stored: Stored, number: int, columns: list[str] | None = None) -> Any:
    try:
        with pq.ParquetFile(
            stored.path, metadata=_metadata(stored), page_checksum_verification=True
        ) as file:
            return file.read_row_group(number, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(stored.path, error) from error


def _metadata(stored: Stored) -> Any:
    try:
        found = stored.path.stat()
    except OSError as error:
        raise _unreadable(stored.path, error) from error
    return _verified_metadata(stored, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=_FOOTERS_KEPT)
def _verified_metadata(stored: Stored, _changed_ns: int, _inode: int) -> Any:
    path = stored.path
    if held_by(path) != stored.held:
        raise unreadable(f"{path} is not as it was written: verifyarchive says more")
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    if not metadata.schema.to_arrow_schema().equals(schema_of(stored.layout)):
        raise unreadable(f"{path} has other columns than this release reads")
    return metadata


def _unreadable(path: Path, error: Exception) -> ArchiveUnreadable:
    first_line = str(error).partition("\n")[0]
    return unreadable(f"{path} can't be read: {first_line}")
