"""Replays one workload file against one build of the book, in a process of its own."""

import hashlib
import statistics
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.book_child import timed
from matching.compiled import use_build

MAGIC = 0x4D45_4257_5F30_3031
HEAD = struct.Struct("<QII")
# kind, side, immediate, padding, lots, sequence, order, price in ticks, reserved
RECORD = struct.Struct("<BBBBIQQqq")
NEW, CANCEL = 0, 1

Message = tuple[int, int, int, int, int, int, int]


class NotAWorkload(Exception):
    """The text says which file, and what is wrong with it."""


class Replayed(msgspec.Struct):
    """ns_per_message: CPU time, the median of the rounds; digest: SHA-256 of the reports."""

    messages: int
    ns_per_message: float
    trades: int
    digest: str


def read_workload(path: Path) -> Iterator[Message]:
    """(kind, side, immediate, lots, sequence, order, price in ticks) of each record."""
    data = path.read_bytes()
    if len(data) < HEAD.size or HEAD.unpack_from(data)[:2] != (MAGIC, 1):
        raise NotAWorkload(f"{path} is no workload of version 1")
    if len(data) != HEAD.size + HEAD.unpack_from(data)[2] * RECORD.size:
        raise NotAWorkload(f"{path} is cut short")
    for record in RECORD.iter_unpack(memoryview(data)[HEAD.size :]):
        kind, side, immediate, _, lots, sequence, order_id, price, _ = record
        yield kind, side, immediate, lots, sequence, order_id, price


def digest_of(reports: list[tuple[int, ...]]) -> str:
    """Of a line per report, by the sequence of its message, then its kind."""
    ordered = sorted(reports, key=lambda report: (report[1], report[0]))
    text = "\n".join(",".join(map(str, report)) for report in ordered)
    return hashlib.sha256(text.encode()).hexdigest()


def replay(path: Path, rounds: int) -> Replayed:
    from benchmarks.reported_book import TRADED, ReportedBook

    messages = list(read_workload(path))

    def run() -> ReportedBook:
        book = ReportedBook()
        for kind, side, immediate, lots, sequence, order_id, price in messages:
            if kind == NEW:
                book.place(sequence, order_id, side, price, lots, immediate == 1)
            elif kind == CANCEL:
                book.cancel(sequence, order_id)
            else:
                book.modify(sequence, order_id, price, lots)
        return book

    costs = []
    for _ in range(rounds):
        elapsed, book = timed(run)
        costs.append(elapsed / max(1, len(messages)))
    trades = sum(report[0] == TRADED for report in book.reports)
    return Replayed(len(messages), statistics.median(costs), trades, digest_of(book.reports))


def main() -> None:
    """Arguments: the file, rounds, and the folder of a build, empty for pure Python."""
    path, rounds, folder = sys.argv[1:]
    if folder:
        use_build(Path(folder))
    try:
        sys.stdout.buffer.write(msgspec.json.encode(replay(Path(path), int(rounds))))
    except (NotAWorkload, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
