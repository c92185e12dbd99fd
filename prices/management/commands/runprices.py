"""Send index prices to the engines."""

import signal
import threading
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.metrics.listener import MetricsRefused, show_metrics
from prices.demo_markets import START_PRICES
from prices.index import is_price
from prices.pump import PricePump
from prices.sources.synthetic import SyntheticWalks


class Command(BaseCommand):
    help = (
        "Sends about one index price per second and market, made of the market's price sources: "
        "venues, or a seeded synthetic walk. Runs until SIGTERM or Ctrl-C."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=7, help="of the synthetic walk (7)")
        parser.add_argument(
            "--start",
            action="append",
            default=[],
            metavar="MARKET=PRICE",
            help="home of a synthetic walk: it begins there and drifts back, as in SOL-PERP=150; "
            "repeatable",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        home_prices = {**START_PRICES, **dict(_start_price(word) for word in options["start"])}
        try:
            show_metrics()
        except MetricsRefused as error:
            raise CommandError(str(error)) from error
        PricePump(SyntheticWalks(options["seed"], home_prices), stop).run()


def _start_price(word: str) -> tuple[str, Decimal]:
    market_id, _, text = word.partition("=")
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not market_id or not is_price(price):
        raise CommandError(f"--start takes MARKET=PRICE, as in SOL-PERP=150, not {word!r}.")
    return market_id, price
