"""What an abuser costs another trader: the time that trader's orders take, beside a quiet exchange.

An API as it is deployed, on servers of its own. Round by round the trader sends orders over four
connections while nobody else does anything, then while each abuser is at work. A ceiling says how
many times its 95th percentile may be of the quiet round beside it: 2. An abuser is a name and a
context that keeps it at work; the slow ones are `benchmarks.slow_sockets`.
"""

import statistics
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from benchmarks.http_load import Plan, measure
from benchmarks.intake import _intake, _make_exchange, _order_requests
from benchmarks.report import Row, at_most, main
from benchmarks.servers import start_servers
from benchmarks.slow_sockets import KINDS, slow_sockets

STAGE = "abuse"
CEILING = 2.0
SOCKETS = 500
CONNECTIONS = 4
AT_ONCE = 16

Abuser = Callable[[int], AbstractContextManager[None]]


def abusers() -> Mapping[str, Abuser]:
    """By name, what keeps each at work at a port."""
    slow = {f"slow: {name}": partial(slow_sockets, name=name, count=SOCKETS) for name in KINDS}
    return slow | {
        "sign-ins": partial(_asking, path="/auth/signin", body=_SIGNIN),
        "schema": partial(_asking, path="/schema", body=None),
    }


_SIGNIN = b'{"username":"nobody%d","password":"a wrong password"}'


def run(short: bool) -> list[Row]:
    rounds, seconds = (3, 1.5) if short else (5, 4.0)
    start_servers()
    tokens = _make_exchange()[:CONNECTIONS]
    p95: dict[str, list[float]] = {}
    with _intake() as port:
        requests = _order_requests("/order", tokens)
        for number in range(rounds):
            for letter, (name, abuser) in enumerate(
                ({"quiet": lambda _: nullcontext()} | dict(abusers())).items()
            ):
                prefix = f"{letter:02d}{number:06d}"
                with abuser(port):
                    measured = measure(Plan(port, CONNECTIONS, seconds, 0.5, prefix, requests))
                p95.setdefault(name, []).append(measured.percentile_ms(95))
    quiet = p95.pop("quiet")
    rows = [Row(STAGE, "quiet: p95 of an order", statistics.median(quiet), "ms")]
    for name, found in p95.items():
        times = statistics.median(one / other for one, other in zip(found, quiet, strict=True))
        rows.append(at_most(STAGE, f"{name}: p95 of another's order", times, "× quiet", CEILING))
    return rows


@contextmanager
def _asking(port: int, *, path: str, body: bytes | None) -> Iterator[None]:
    """So many at once, again and again."""
    stopped = threading.Event()

    def ask(number: int) -> None:
        headers = {"Content-Type": "application/json"}
        data = None if body is None else body % number
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
        while not stopped.is_set():
            try:
                urllib.request.urlopen(request, timeout=60).read()
            except urllib.error.HTTPError as refused:
                refused.close()
                stopped.wait(0.05)
            except OSError:
                stopped.wait(0.05)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(run, STAGE)
