"""Lays out a data folder for Postgres from a backup."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exchange_site.backups.places import BackupFolder, BackupRefused
from exchange_site.backups.restoring import restore_backup


class Command(BaseCommand):
    help = (
        "Lay out a data folder that Postgres brings to a moment as it starts: the newest copy"
        " before it, and the archived WAL up to it. Starts nothing and writes nothing over."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where base/ and wal/ are")
        parser.add_argument("into", type=Path, help="the new data folder: empty, or not there")
        parser.add_argument(
            "--to",
            metavar="TIME",
            help="the moment, with its offset, as in 2030-01-02T03:04:05+00:00; the newest if not"
            " given",
        )

    def handle(self, *_: Any, folder: Path, into: Path, to: str | None, **__: Any) -> None:
        try:
            name = restore_backup(BackupFolder(folder), into, _moment(to) if to else None)
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{into} goes on from {name}. Give it to the user that Postgres runs as, start Postgres"
            " on it, and empty the exchange's Redis (FLUSHALL) before engines and workers start."
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError(f"--to takes a time with its offset, not {text!r}.")
    return moment
