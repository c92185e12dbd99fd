"""Old partitions of postings and fills become files."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.postgres.alone import alone
from ledger.archive.models import detached_files
from ledger.archive.rows import ArchiveUnreadable
from persistence.archiving.due import KINDS, Closed, closed_partitions
from persistence.archiving.going import archive
from persistence.archiving.kinds import ArchivedKind, ArchiveRefused
from trading.partitions import LOCK

KEPT = 2


class Command(BaseCommand):
    help = (
        "Write partitions of postings and fills that ids have left to files in ARCHIVE_DIR, compare"
        " each with its partition, and only then drop that. Exit 1 where one is due and may not go"
        " yet. Statements, lists and pages read the files from then on: keep and back them up as"
        " you do the database."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep",
            type=int,
            default=KEPT,
            help=f"So many of the newest of each table stay ({KEPT}).",
        )
        parser.add_argument(
            "--list", action="store_true", help="Say what is there and what may go; change nothing."
        )

    def handle(self, **options: Any) -> None:
        if options["keep"] < 1:
            raise CommandError("--keep must be 1 or more: what is young is read all the time")
        try:
            with alone(LOCK) as is_alone:
                if not is_alone:
                    raise CommandError("partitions are being made or moved just now: try again")
                self._go(options["keep"], is_only_list=options["list"])
        except (ArchiveRefused, ArchiveUnreadable) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"the file can't be written: {error}") from error

    def _go(self, keep: int, *, is_only_list: bool) -> None:
        """What may not go of one table, or can't, keeps none of another."""
        staying: list[str] = []
        count = 0
        for kind in KINDS:
            if is_only_list:
                self._list_files(kind)
            try:
                closed = closed_partitions(kind, keep)
                count += len(closed)
                for one in closed:
                    if is_only_list:
                        self.stdout.write(f"{one.partition.name}: {one.why_not or 'may go'}")
                    else:
                        self._archive(one)
            except ArchiveRefused as error:
                staying.append(str(error))
        if staying:
            raise CommandError("; ".join(staying))
        if not count:
            self.stdout.write(f"None is due: the newest {keep} that ids have left stay.")

    def _list_files(self, kind: ArchivedKind) -> None:
        for file in detached_files(kind.layout):
            self.stdout.write(
                f"{file}: {file.row_count:,} {kind.rows}, {file.size_bytes:,} bytes, SHA-256"
                f" {file.sha256}"
            )

    def _archive(self, closed: Closed) -> None:
        file = archive(closed)
        self.stdout.write(
            f"{closed.partition.name} is in {file}: {file.row_count:,} {closed.kind.rows},"
            f" {file.size_bytes:,} bytes"
        )
