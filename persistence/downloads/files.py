"""Files on the disk: written whole or not at all, the same rows to the same bytes."""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

_READ_BYTES = 65_536
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Written:
    row_count: int
    size_bytes: int
    sha256: str


def name_of(market_id: str, kind: str, day: date) -> str:
    return f"{market_id}-{kind}-{day.isoformat()}.csv.gz"


def path_of(market_id: str, kind: str, day: date) -> Path:
    return Path(settings.DOWNLOADS_DIR, market_id, kind, name_of(market_id, kind, day))


def checksum_text(sha256: str, name: str) -> str:
    """As `sha256sum --check` reads it."""
    return f"{sha256}  {name}\n"


def write_file(path: Path, head: str, parts: Iterable[list[str]]) -> Written:
    """With its checksum beside it. Neither time nor name of this writing is in the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w+b") as raw:
            row_count = 0
            with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed:
                packed.write(f"{head}\n".encode())
                for lines in parts:
                    packed.write("".join(f"{line}\n" for line in lines).encode())
                    row_count += len(lines)
            raw.flush()
            os.fsync(raw.fileno())
            written = Written(row_count, raw.tell(), _sha256(raw))
        os.chmod(made, 0o644)
        os.replace(made, path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
    path.with_name(f"{path.name}.sha256").write_text(checksum_text(written.sha256, path.name))
    return written


def _sha256(raw: BinaryIO) -> str:
    raw.seek(0)
    digest = hashlib.sha256()
    while part := raw.read(_READ_BYTES):
        digest.update(part)
    return digest.hexdigest()
