"""Give a market's engine a new starting point, made from Postgres."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.redis_client import redis_client
from persistence.models import MarketCursor
from persistence.recovery.live_engines import live_engines
from persistence.recovery.starting_points import make_starting_point, missing_starting_point


class Command(BaseCommand):
    help = (
        "Make a snapshot of a market's engine from the rows at the ledger's cursor, and have its"
        " engines start over from it. Workers do so by themselves where one is missing."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--market", required=True)
        parser.add_argument(
            "--force",
            action="store_true",
            help="Even while an engine is at work and nothing is missing.",
        )

    def handle(self, **options: Any) -> None:
        market_id = options["market"]
        try:
            self._rebuild(market_id, force=options["force"])
        except MarketCursor.DoesNotExist:
            known = ", ".join(MarketCursor.objects.order_by("pk").values_list("pk", flat=True))
            raise CommandError(f"there is no market {market_id}; there are: {known}") from None

    def _rebuild(self, market_id: str, *, force: bool) -> None:
        missing = missing_starting_point(market_id)
        engines = ", ".join(beat.engine for beat in live_engines(redis_client(), market_id))
        if engines and not missing and not force:
            raise CommandError(
                f"{market_id} is in the hands of {engines}, and nothing is missing. With --force,"
                " what is published beyond the ledger's cursor is dropped, and its commands are"
                " carried out again from the database's state."
            )
        reason = missing or "an operator asked for it"
        seq = make_starting_point(market_id, reason)
        self.stdout.write(f"{market_id}: starting point made at sequence {seq} ({reason})")
