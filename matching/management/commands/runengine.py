"""③ Match orders in memory until stopped."""

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError

from common.metrics.engine import CountedTurns
from common.metrics.listener import MetricsRefused, show_metrics
from common.redis_client import redis_client
from common.sharing.versions import Attendance, VersionRefused, check_beside_others, this_process
from common.tracing.stages import are_traced
from matching.management.traced_turns import TracedTurns
from matching.messages.codec import CONTRACT
from matching.messages.streams import input_stream
from matching.runtime.observer import TurnObserver
from matching.runtime.process import EngineProcess


class Command(BaseCommand):
    help = "Run the matching engine of some markets, or of every market that has an input stream."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--markets", nargs="+", default=[], metavar="MARKET")
        parser.add_argument(
            "--name",
            default="engine",
            help="Name of this engine and its consumer group; a hot standby needs another one.",
        )
        parser.add_argument(
            "--snapshot-every",
            type=int,
            default=10_000,
            metavar="N",
            help="Commands between two snapshots: what a restart replays at most.",
        )

    def handle(self, **options: Any) -> None:
        client = redis_client()
        stop = threading.Event()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, lambda *_: stop.set())
        named = options["markets"]
        markets: Callable[[], Iterable[str]] = (
            (lambda: named) if named else (lambda: markets_with_input(client))
        )
        part = this_process("engine", CONTRACT, options["name"])
        try:
            show_metrics()
            check_beside_others(part, client)
        except (MetricsRefused, VersionRefused) as error:
            raise CommandError(str(error)) from error
        observers: list[TurnObserver] = [CountedTurns()]
        if are_traced():
            observers.append(TracedTurns())
        attendance = Attendance(part, redis_client)
        attendance.start()
        EngineProcess(client, markets, options["name"], options["snapshot_every"], *observers).run(
            stop
        )
        attendance.stop()


def markets_with_input(client: redis.Redis) -> list[str]:
    """A key that is no text is nobody's stream: ids of markets are ASCII."""
    prefix, suffix = input_stream("*").split("*")
    keys = client.scan_iter(match=input_stream("*"), count=1_000, _type="stream")
    names = [key.decode() for key in keys if key.isascii()]
    return [name.removeprefix(prefix).removesuffix(suffix) for name in names]
