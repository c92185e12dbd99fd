"""A file of old rows becomes their partition again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.postgres.alone import alone
from ledger.archive.rows import ArchiveUnreadable
from persistence.archiving.coming import file_named, restore
from persistence.archiving.kinds import ArchiveRefused
from trading.partitions import LOCK


class Command(BaseCommand):
    help = (
        "Read a file of postings or fills back into the partition that it stands for, after its"
        " SHA-256 was verified. The file stays where it is, and is taken again when the partition"
        " goes again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="Its name, or the partition's.")

    def handle(self, **options: Any) -> None:
        try:
            with alone(LOCK) as is_alone:
                if not is_alone:
                    raise CommandError("partitions are being made or moved just now: try again")
                kind, file = file_named(options["file"])
                partition = restore(kind, file)
        except (ArchiveRefused, ArchiveUnreadable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{partition.name} is attached again: {file.row_count:,} {kind.rows}")
