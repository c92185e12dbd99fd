"""Prints who may open and do what in the admin, or puts that into a document."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.core.management.base import BaseCommand, CommandError

from console.doors.table import whole_table, with_table


class Command(BaseCommand):
    help = "Print who may open and do what in the admin: every page and action by group."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--into", type=Path, help="a document that has a place for the table")

    def handle(self, *_: Any, into: Path | None, **__: Any) -> None:
        admin.autodiscover()
        if into is None:
            self.stdout.write(whole_table())
            return
        try:
            before = into.read_text()
            into.write_text(with_table(before))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
