"""Whether the audit is as it was written: recomputes every hash, in memory that stays the same."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.audit.chain import verify


class Command(BaseCommand):
    help = "Recompute the audit's chain of hashes; exit 1 names the first broken row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head", metavar="ROW:HASH", help="a head as it was logged, which must be in the chain"
        )

    def handle(self, *args: Any, head: str | None = None, **options: Any) -> None:
        found = verify(_noted(head))
        if found.broken:
            raise CommandError(found.broken)
        self.stdout.write(f"{found.rows} rows in order; head {found.rows}:{found.head}")


def _noted(head: str | None) -> tuple[int, str] | None:
    if head is None:
        return None
    number, _, digest = head.partition(":")
    if not (number.isascii() and number.isdigit() and digest):
        message = "--head is a number and a hash, as in 17:9f86d0…"
        raise CommandError(message)
    return int(number), digest.lower()
