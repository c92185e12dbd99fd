"""A file as it comes: beside its place until all of it is there and right, then in its place."""

import hashlib
from pathlib import Path
from typing import IO

from exchange_client.calls.money import FileCall
from exchange_client.errors import BrokenFile

_TAIL_BYTES = 4_096  # longer than any last line


class FileSink:
    """Each try begins anew. Whoever reads ``path`` finds a whole file or none."""

    def __init__(self, path: Path, asked: FileCall) -> None:
        self._path, self._asked = path, asked
        self._part = path.with_name(f"{path.name}.part")
        self._file: IO[bytes] | None = None

    def begin(self) -> None:
        self.drop()
        self._file = self._part.open("wb")
        self._sum, self._tail = hashlib.sha256(), b""

    def write(self, piece: bytes) -> None:
        if self._file is not None:
            self._file.write(piece)
            self._sum.update(piece)
            self._tail = (self._tail + piece)[-_TAIL_BYTES:]

    def keep(self) -> Path:
        """Raises BrokenFile, and keeps nothing, where it isn't what it should be."""
        if self._file is not None:
            self._file.close()
        if why := self._fault():
            self.drop()
            raise BrokenFile(f"{self._path.name} was not kept: {why}.")
        self._file = None
        return self._part.replace(self._path)

    def drop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)
        self._file = None

    def _fault(self) -> str:
        came = self._sum.hexdigest()
        if self._asked.sha256 and came != self._asked.sha256:
            return f"its checksum is {came} and should be {self._asked.sha256}"
        last = self._tail.rstrip().rpartition(b"\n")[2]
        if not last.startswith(self._asked.last):
            return f"it ends with {last.decode(errors='replace')!r}"
        return ""
