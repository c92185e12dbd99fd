"""Takes a backup of Postgres while everything runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exchange_site.backups.places import BackupFolder, BackupRefused
from exchange_site.backups.taking import take_backup


class Command(BaseCommand):
    help = (
        "Copy the whole cluster into a folder, check the copy, and drop copies that are too old,"
        " with the archived WAL that only they needed."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where base/ and wal/ are")
        parser.add_argument("--keep", type=int, default=7, help="how many copies stay (7)")

    def handle(self, *_: Any, folder: Path, keep: int, **__: Any) -> None:
        if keep < 1:
            raise CommandError("--keep is at least 1: the newest stays.")
        try:
            name = take_backup(BackupFolder(folder), keep)
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name}: taken and checked")
