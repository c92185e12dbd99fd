"""Are the files of old rows there, and as they were written?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.archive.models import detached_files
from ledger.archive.rows import ArchiveUnreadable
from persistence.archiving.due import KINDS
from persistence.archiving.verifying import wrong_places, wrong_with


class Command(BaseCommand):
    help = (
        "Ask for the SHA-256 of each file that stands for a partition of postings or fills, and"
        " whether every row has one place. Exit 1 and a line for each thing that is wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", action="store_true", help="Also add up what is in them.")

    def handle(self, **options: Any) -> None:
        try:
            wrong = self._wrong(is_by_row=options["rows"])
        except ArchiveUnreadable as error:
            raise CommandError(str(error)) from error
        if wrong:
            raise CommandError(f"{wrong} of the archive's files or places are wrong")
        self.stdout.write("Every row has its place.")

    def _wrong(self, *, is_by_row: bool) -> int:
        wrong = 0
        for kind in KINDS:
            for line in wrong_places(kind):
                wrong += 1
                self.stdout.write(line)
            for file in detached_files(kind.layout):
                found = list(wrong_with(kind, file, is_by_row=is_by_row))
                wrong += len(found)
                as_written = f"{file}: {file.row_count:,} {kind.rows}, as they were written"
                for line in found or [as_written]:
                    self.stdout.write(line)
        return wrong
