"""Prints the reference of configuration, or writes it to a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange_site.configuration.reference import reference


class Command(BaseCommand):
    help = "Print every variable that is read from the environment, as docs/configuration.md."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--into", type=Path, help="the document to write")

    def handle(self, *_: Any, into: Path | None, **__: Any) -> None:
        text = reference(settings.ENVIRONMENT_READINGS)
        if into is None:
            self.stdout.write(text)
            return
        try:
            into.write_text(text)
        except OSError as error:
            raise CommandError(f"can't write {into}: {error.strerror}") from error
