"""Do the rows, the journal and the engines agree?"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.archive.rows import ArchiveUnreadable
from markets.conversions import units_text
from persistence.reconciliation import (
    Difference,
    Reconciled,
    differences_of_seal,
    newest_seal,
    run_reconciliation,
)
from persistence.sealing.models import JournalSeal

COLUMN_WIDTH_MAX = 60
HEADINGS = Difference("check", "market", "subject", "expected", "found")


class Command(BaseCommand):
    help = (
        "Compare wallets with postings, orders and positions with fills, and rows with engines."
        " Exit 1 and a table of differences where they do not agree. Reads what is behind the"
        " newest seal, or with --full everything, and proves each seal."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--market", help="Only this market, beside the checks of all money.")
        parser.add_argument("--full", action="store_true", help="All rows, and every seal.")
        parser.add_argument("--seal", type=int, help="Only the rows of the seal of this number.")

    def handle(self, **options: Any) -> None:
        if options["seal"] is not None and (options["full"] or options["market"]):
            raise CommandError("--seal stands alone: it proves one seal and nothing else")
        try:
            if options["seal"] is not None:
                self._prove_seal(options["seal"])
            else:
                self._reconcile(options["market"], is_full=options["full"])
        except LookupError as error:
            raise CommandError(str(error)) from error
        except ArchiveUnreadable as error:
            raise CommandError(f"not proven: {error}") from error

    def _prove_seal(self, number: int) -> None:
        differences = differences_of_seal(number)
        if differences:
            self._write_table(Reconciled(len(differences), differences, [], {}))
            sys.exit(1)
        self._write_seal(JournalSeal.objects.get(pk=number))
        self.stdout.write("No differences.")

    def _reconcile(self, market_id: str | None, *, is_full: bool) -> None:
        run, result = run_reconciliation(market_id, is_full=is_full)
        for comparison in result.comparisons:
            if comparison.not_compared:
                text = f"NOT compared with its engine: {comparison.not_compared}"
            else:
                text = f"compared with its engine at sequence {comparison.seq:,}"
            self.stdout.write(f"{comparison.market_id}: {text}")
        if result.difference_count:
            self._write_table(result)
            sys.exit(1)
        seal = newest_seal()
        if seal is not None:
            self._write_seal(seal)
        for name, value in result.figures.items():
            is_money = name.endswith("_units")
            words = name.removesuffix("_units").replace("_", " ")
            self.stdout.write(f"{words:>14} {units_text(value) if is_money else f'{value:,}'}")
        left_out = sum(1 for one in result.comparisons if one.not_compared)
        but = f"; {left_out} of {len(result.comparisons)} markets NOT compared" if left_out else ""
        self.stdout.write(f"No differences (run {run.pk}){but}.")

    def _write_seal(self, seal: JournalSeal) -> None:
        self.stdout.write(
            f"{seal}: up to journal entry {seal.last_entry_id:,}, SHA-256 {seal.sha256}"
        )

    def _write_table(self, result: Reconciled) -> None:
        rows: list[Sequence[str]] = [HEADINGS, *result.differences]
        widths = [
            min(COLUMN_WIDTH_MAX, max(map(len, column))) for column in zip(*rows, strict=True)
        ]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        rest = result.difference_count - len(result.differences)
        if rest:
            self.stdout.write(f"… and {rest:,} more")
        self.stderr.write(self.style.ERROR(f"{result.difference_count:,} differences"))
