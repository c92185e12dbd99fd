"""A thousand markets over four workers: whether persistence keeps up, and at whose cost.

An exchange as `make run` starts it with three workers more, which share its markets by lease; each
market gets a made-up price every second, and nothing else happens. As in `benchmarks.markets`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from benchmarks.exchange import ROOT, Exchange, wait_for
from benchmarks.markets import measure, rows_of_one
from benchmarks.report import Row, main, progress

STAGE = "workers"
WORKERS = 4
CONCURRENCY = 2


@contextmanager
def more_workers(exchange: Exchange, count: int) -> Iterator[None]:
    """Beside the exchange's own; gone with it or before."""
    with ExitStack() as stack:
        for number in range(count):
            log = stack.enter_context((exchange.data / f"worker{number}.log").open("wb"))
            command = ["-m", "celery", "-A", "exchange_site", "worker", "-n", f"more{number}@%h"]
            worker = subprocess.Popen(
                [sys.executable, *command, "--concurrency", str(CONCURRENCY)],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
            exchange.beside.append(psutil.Process(worker.pid))
        wait_for(lambda: _sharing() == count + 1, f"{count + 1} workers that share markets")
        yield


def _sharing() -> int:
    from common.redis_client import redis_client
    from persistence.listener import WORKER_MEMBERS_KEY

    return int(redis_client().zcard(WORKER_MEMBERS_KEY))


def run(short: bool) -> list[Row]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the clean-up below
    os.environ["LIMITS"] = "0"
    exchange = Exchange()
    try:
        exchange.wait_ready()
        progress(STAGE, "starting workers")
        with more_workers(exchange, WORKERS - 1):
            found = measure(exchange, 100 if short else 1_000, 8.0 if short else 60.0)
    finally:
        exchange.stop()
    return rows_of_one(STAGE, f"{found.markets} markets, {WORKERS} workers", found)


if __name__ == "__main__":
    main(run, "workers")
