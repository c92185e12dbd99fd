"""Play the chain of the demo."""

import signal
import sqlite3
import threading
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from custody.demo import FLOAT_UNITS
from custody.demo.chain import CALM, STORMY, USUAL
from custody.demo.chain.process import Chain, Options

_TEMPERS = {"usual": USUAL, "stormy": STORMY, "calm": CALM}


class Command(BaseCommand):
    help = (
        "Plays a chain with a custody on it, at DEMO_CHAIN_URL: blocks, delays, reorganisations, "
        "webhooks that come late, doubled or never. Runs until SIGTERM or Ctrl-C."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--webhook", default="", help="where news is told")
        parser.add_argument("--block-s", type=float, default=2.0, help="seconds a block (2)")
        parser.add_argument("--temper", choices=sorted(_TEMPERS), default="usual")
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument(
            "--file", type=Path, default=settings.EXCHANGE_DATA / "demochain.sqlite"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        port = urlsplit(settings.DEMO_CHAIN_URL).port
        if port is None or not settings.CUSTODY_TOKEN or not settings.CUSTODY_WEBHOOK_SECRETS:
            raise CommandError("Set DEMO_CHAIN_URL, CUSTODY_TOKEN and CUSTODY_WEBHOOK_SECRETS.")
        try:
            chain = Chain(
                Options(
                    port=port,
                    path=options["file"],
                    float_units=FLOAT_UNITS,
                    token=settings.CUSTODY_TOKEN,
                    secret=settings.CUSTODY_WEBHOOK_SECRETS[0],
                    webhook=options["webhook"],
                    temper=_TEMPERS[options["temper"]],
                    block_s=options["block_s"],
                    seed=options["seed"],
                )
            )
        except (OSError, sqlite3.Error) as error:
            raise CommandError(f"The chain can't start: {error}") from error
        stop = threading.Event()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        chain.open()
        try:
            chain.run(stop)
        except sqlite3.OperationalError as error:  # such as a full disk: nobody was told of it yet
            raise CommandError(f"The chain can't go on: {error}") from error
        chain.close()
