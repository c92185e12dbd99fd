"""Trade on the exchange with made-up traders."""

import asyncio
import logging
import signal
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand

from simulator.identity import identities
from simulator.runner import Plan, Simulation

TRADERS_MAX = 1_000


class Command(BaseCommand):
    help = (
        "Seeded market makers and takers around the index price, through the public HTTP API "
        "only. Runs until SIGTERM or Ctrl-C."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--traders", type=_trader_count, default=20, help="how many (20)")
        parser.add_argument(
            "--rate", type=_positive, default=20.0, help="requests per second, all together (20)"
        )
        parser.add_argument("--seed", type=int, default=7, help="names and decisions (7)")
        parser.add_argument(
            "--url",
            type=_url,
            default="http://127.0.0.1:8000",
            help="of the API (http://127.0.0.1:8000)",
        )
        parser.add_argument(
            "--duration", type=_positive, help="seconds to run; without it until stopped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        plan = Plan(
            url=options["url"],
            traders=identities(options["seed"], options["traders"], settings.SECRET_KEY),
            rate_per_s=options["rate"],
            seed=options["seed"],
            duration_s=options["duration"],
        )
        # A line per request would bury the summaries.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        asyncio.run(_run(plan))


async def _run(plan: Plan) -> None:
    simulation = Simulation(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, simulation.stop)
    await simulation.run()


def _trader_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= TRADERS_MAX:
        raise ArgumentTypeError(f"must be a whole number from 1 to {TRADERS_MAX}")
    return int(text)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ArgumentTypeError("must be as in http://127.0.0.1:8000")
    return text


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1e6:
        raise ArgumentTypeError("must be a number above zero")
    return number
