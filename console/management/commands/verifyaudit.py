"""Whether the audit is as it was written: recomputes every hash, in memory that stays the same."""

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.audit.chain import Noted, verify

ROW_DIGITS_MAX = 18
HASH = re.compile(r"[0-9a-f]{64}")


class Command(BaseCommand):
    help = "Recompute the audit's chain of hashes; exit 1 names the first broken row."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            metavar="[ROW:]HASH",
            help="a head as it was logged, which must be in the chain",
        )

    def handle(self, *args: Any, head: str | None = None, **options: Any) -> None:
        found = verify(_noted(head))
        if found.broken:
            raise CommandError(found.broken)
        self.stdout.write(f"{found.rows} rows in order; head {found.rows}:{found.head}")


def _noted(head: str | None) -> Noted | None:
    if head is None:
        return None
    number, colon, digest = head.strip().lower().rpartition(":")
    is_number = number.isascii() and number.isdigit() and len(number) <= ROW_DIGITS_MAX
    if not HASH.fullmatch(digest) or (colon and not is_number):
        message = "--head is a hash of 64 digits, or a row and its hash as in 17:9f86d0…"
        raise CommandError(message)
    return Noted(digest, int(number) if colon else None)
