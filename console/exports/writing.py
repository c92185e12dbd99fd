"""A run from its first row to its last part, in the process that does nothing else."""

import csv
import gzip
import hashlib
import io
from collections.abc import Callable

from console.exports.models import ExportKind, ExportPart, ExportRun
from console.exports.months import month_of
from console.exports.sources import SOURCES, DoesNotAddUp, Source
from console.jobs import lives

PART_BYTES = 2**20
FILE_BYTES_MAX = 2**30
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Parts(io.RawIOBase):
    """What is written becomes rows, a part at a time."""

    def __init__(self, run: ExportRun) -> None:
        super().__init__()
        self._run = run
        self._waiting = bytearray()
        self._number = 0
        self._digest = hashlib.sha256()
        self.file_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Raises DoesNotAddUp where the file would be too large."""
        self._waiting += data
        while len(self._waiting) >= PART_BYTES:
            self._keep(bytes(self._waiting[:PART_BYTES]))
            del self._waiting[:PART_BYTES]
        return len(data)

    def finish(self) -> str:
        """SHA-256 of the file, hexadecimal."""
        if self._waiting:
            self._keep(bytes(self._waiting))
            self._waiting.clear()
        return self._digest.hexdigest()

    def _keep(self, data: bytes) -> None:
        self.file_bytes += len(data)
        if self.file_bytes > FILE_BYTES_MAX:
            raise DoesNotAddUp(f"a file has at most {FILE_BYTES_MAX >> 20} MB")
        self._digest.update(data)
        ExportPart.objects.create(run=self._run, number=self._number, data=data)
        self._number += 1


def carry_out(run_id: int, look_up: Callable[[], None] = lambda: None) -> None:
    run = ExportRun.objects.get(pk=run_id)
    try:
        ExportPart.objects.filter(run=run).delete()  # of a worker that was lost on the way
        _write(run, SOURCES[ExportKind(run.kind)](month_of(run.month, run.asked_at)), look_up)
    except lives.Stopped:
        ExportPart.objects.filter(run=run).delete()
    except DoesNotAddUp as error:
        ExportPart.objects.filter(run=run).delete()
        lives.fail(ExportRun, run_id, f"It doesn’t add up: {error}.")


def _write(run: ExportRun, source: Source, look_up: Callable[[], None]) -> None:
    """Raises lives.Stopped and DoesNotAddUp."""
    keys = source.keys()
    lives.say(run, steps_total=max(0, keys.high - keys.low))
    parts = _Parts(run)
    rows = 0
    # Without a name and a time in it, the same rows give the same bytes.
    with gzip.GzipFile("", "wb", fileobj=parts, mtime=0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="", write_through=True)
        written = csv.writer(text)
        written.writerow(source.columns)
        for reached, page in source.pages(keys):
            written.writerows([_cell(value) for value in row] for row in page)
            rows += len(page)
            look_up()
            lives.say(run, steps_done=reached - keys.low)
        text.flush()
        text.detach()
    source.check()
    digest = parts.finish()
    lives.end(run, rows=rows, file_bytes=parts.file_bytes, sha256=digest, is_kept=True)


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula is made text; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdigit()
