"""What counting costs: the same work with and without, turn by turn in one run.

    intake   POST /order over 16 and 64 connections, where a group is few orders or many
    engine   a market's input stream, read to its end; also with one order in 100 traced

Floors: 0.95 of the rate without, as one run doesn't tell less apart.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.engine_loop import engine_seconds, redis_of_benchmarks
from benchmarks.intake import in_turn, make_exchange, order_requests, rates_of, served, serving
from benchmarks.report import Row, faster, main
from benchmarks.servers import start_servers
from benchmarks.traded_session import traded_session
from common.metrics.shared import count_together
from tests.flow.collector import collecting

STAGE = "metrics"
FLOOR = 0.95
TRACED_FLOOR = 0.8
CONNECTIONS = (16, 64)


def run(short: bool) -> list[Row]:
    count_together()
    start_servers()
    return [*_engine(short), *_intake(short)]


def _engine(short: bool) -> Iterator[Row]:
    from django.conf import settings

    from common.metrics.engine import CountedTurns
    from matching.management.traced_turns import TracedTurns

    session = traded_session(10_000 if short else 40_000)
    gc.collect()
    gc.freeze()
    client = redis_of_benchmarks()
    counted, traced, unwatched = [], [], []
    with collecting() as collector:
        settings.TRACES_URL, settings.TRACES_SHARE = collector.url, 0.01
        for _ in range(9):
            counted.append(len(session.commands) / engine_seconds(client, session, CountedTurns()))
            traced.append(len(session.commands) / engine_seconds(client, session, TracedTurns()))
            unwatched.append(len(session.commands) / engine_seconds(client, session))
        settings.TRACES_URL = ""
    client.close()
    figure = "engine, against one that isn't watched"
    yield faster(STAGE, figure, counted, "commands/s", unwatched, FLOOR)
    figure = "engine, 1 order in 100 traced, against one that isn't watched"
    yield faster(STAGE, figure, traced, "commands/s", unwatched, TRACED_FLOOR)


def _intake(short: bool) -> Iterator[Row]:
    rounds, seconds = (7, 0.8) if short else (9, 4.0)
    requests = order_requests("/order", make_exchange())
    with served() as port, _uncounted() as other_port:
        targets = {"counted": (port, requests), "uncounted": (other_port, requests)}
        for connections in CONNECTIONS:
            found = in_turn(STAGE, targets, connections, rounds, seconds)
            counted, uncounted = rates_of(found["counted"]), rates_of(found["uncounted"])
            figure = f"intake, {connections} connections, against one that doesn't count"
            yield faster(STAGE, figure, counted, "orders/s", uncounted, FLOOR)


@contextmanager
def _uncounted() -> Iterator[int]:
    from exchange_site.embedded.ports import free_port

    port = free_port()
    options = ["--port", str(port), "--workers", "2"]
    with serving([sys.executable, "-m", "benchmarks.uncounted", "api", *options], port, {}):
        yield port


if __name__ == "__main__":
    main(run, STAGE)
