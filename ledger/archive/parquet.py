"""A file of postings: Parquet, in the order of their ids, in groups of `GROUP_ROWS`.

Compressed by zstd, each page with a checksum that is verified as it is read. Numbers are 64-bit
integers, as in Postgres; kinds of lines a dictionary. Nothing here asks Postgres.

Imported as the first file is read or written: few processes ever do, and what reads Parquet takes
as much memory as half of them.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger.archive.rows import COLUMNS, ArchiveUnreadable, Held, Row, unreadable

SCHEMA_VERSION = 1
GROUP_ROWS = 32_768
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.int64(), nullable=False) for name in COLUMNS[:4]),
        pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
    ],
    metadata={"table": "ledger_posting", "version": str(SCHEMA_VERSION)},
)
# Ids of rows and of their entries rise by little from one to the next.
_ENCODINGS = {
    "id": "DELTA_BINARY_PACKED",
    "entry_id": "DELTA_BINARY_PACKED",
    "account_id": "PLAIN",
    "amount_units": "PLAIN",
}
_ZSTD_LEVEL = 9
_TAIL_BYTES = 8  # the footer's length, and the word that ends each file
_READ_BYTES = 1 << 20


# --- writing --------------------------------------------------------------------------------------


def write(path: Path, groups: Iterator[Sequence[Row]]) -> None:
    """Readable by its owner alone, and on the disk when this returns. What had that name before is
    gone. Raises OSError."""
    path.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR), "wb") as file:
        with pq.ParquetWriter(
            file,
            _SCHEMA,
            version="2.6",
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=["kind"],
            column_encoding=_ENCODINGS,
            write_page_checksum=True,
        ) as writer:
            for rows in groups:
                columns = zip(*rows, strict=True)
                arrays = [
                    pa.array(column, one.type) for column, one in zip(columns, _SCHEMA, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=_SCHEMA), row_group_size=len(rows))
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


def groups_of(path: Path, held: Held) -> Iterator[list[Row]]:
    """All rows, a group at a time. Raises ArchiveUnreadable."""
    for number in range(_metadata(path, held).num_row_groups):
        yield _rows(_read(path, held, number))


def has_ids_of(path: Path, held: Held, number: int, first_id: int, last_id: int) -> bool:
    """Whether a group has any from the first to the last. Raises ArchiveUnreadable."""
    said = _metadata(path, held).row_group(number).column(COLUMNS.index("id")).statistics
    return bool(said.max >= first_id and said.min <= last_id)


def rows_of_accounts(
    path: Path, held: Held, number: int, account_ids: Collection[int]
) -> list[Row]:
    """Of one group. Raises ArchiveUnreadable."""
    return _rows_of(path, held, number, "account_id", account_ids)


def rows_with(path: Path, held: Held, column: str, values: Collection[int]) -> Iterator[list[Row]]:
    """Of the groups in which the column's values lie around these. Raises ArchiveUnreadable."""
    metadata = _metadata(path, held)
    place = COLUMNS.index(column)
    for number in range(metadata.num_row_groups):
        said = metadata.row_group(number).column(place).statistics
        wanted = [one for one in values if said.min <= one <= said.max]
        if wanted:
            yield _rows_of(path, held, number, column, wanted)


def _rows_of(
    path: Path, held: Held, number: int, column: str, values: Collection[int]
) -> list[Row]:
    """One column says whether the others are worth reading."""
    wanted = pa.array(values, pa.int64())
    found = pc.is_in(_read(path, held, number, [column])[column], value_set=wanted)
    if not pc.any(found).as_py():
        return []
    return _rows(_read(path, held, number).filter(found))


def _rows(table: Any) -> list[Row]:
    return list(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))


def _read(path: Path, held: Held, number: int, columns: list[str] | None = None) -> Any:
    try:
        with pq.ParquetFile(
            path, metadata=_metadata(path, held), page_checksum_verification=True
        ) as file:
            return file.read_row_group(number, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _metadata(path: Path, held: Held) -> Any:
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return _verified_metadata(path, held, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=16)
def _verified_metadata(path: Path, held: Held, _changed_ns: int, _inode: int) -> Any:
    if held_by(path) != held:
        raise unreadable(f"{path} is not as it was written: verifyarchive says more")
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    if not metadata.schema.to_arrow_schema().equals(_SCHEMA):
        raise unreadable(f"{path} has other columns than this release reads")
    return metadata


def _unreadable(path: Path, error: Exception) -> ArchiveUnreadable:
    first_line = str(error).partition("\n")[0]
    return unreadable(f"{path} can't be read: {first_line}")
