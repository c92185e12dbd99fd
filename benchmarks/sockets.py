"""① Orders over a socket beside POST: how long to their answer, and what the API spends.

The same traders, market, server and orders as in `benchmarks.intake`, in turn, round by round:

    post    POST /order over keep-alive connections
    socket  `place` over WebSockets that are signed in, one order on its way per socket

Floors: the median until the answer is no longer than POST's, and the API's process spends no more
CPU on an order.
"""

from pathlib import Path

import psutil

from benchmarks.http_load import Measured, Plan, measure, placing_over_socket, posting
from benchmarks.intake import forget_streams, make_exchange, order_body, served_by
from benchmarks.report import Row, compared, faster, main, progress
from benchmarks.servers import start_servers

STAGE = "sockets"
CONNECTIONS = (1, 16)  # an address may have 25 sockets
FLOOR = 1.0


def run(short: bool) -> list[Row]:
    rounds, seconds = (9, 1.0) if short else (15, 2.5)
    progress(STAGE, "starting servers and an exchange")
    start_servers()
    tokens = make_exchange()
    requests = {
        "post": [posting("/order", token, order_body()) for token in tokens],
        "socket": [placing_over_socket(token, order_body()) for token in tokens],
    }
    rows = []
    with served_by() as (port, pid):
        for connections in CONNECTIONS:
            found: dict[str, list[Measured]] = {name: [] for name in requests}
            spent_ms: dict[str, list[float]] = {name: [] for name in requests}
            for number in range(rounds):
                progress(STAGE, f"{connections} connections; round {number + 1} of {rounds}")
                for letter, (name, own) in zip("ab", requests.items(), strict=True):
                    prefix = f"{letter}{connections:03d}{number:04d}"
                    plan = Plan(port, connections, seconds, 0.3, prefix, own)
                    before_s = cpu_s(pid)
                    measured = measure(plan)
                    orders = sum(measured.statuses.values())
                    spent_ms[name].append((cpu_s(pid) - before_s) * 1_000 / orders)
                    found[name].append(measured)
                    forget_streams()
            rows += _rows(connections, found, spent_ms)
    return rows


def cpu_s(pid: int) -> float:
    """Of its workers and all their threads, as the scheduler counts: clock ticks are too coarse for
    a second."""
    server = psutil.Process(pid)
    return sum(map(_process_cpu_s, [pid, *(one.pid for one in server.children(recursive=True))]))


def _process_cpu_s(pid: int) -> float:
    spent = (task.read_text().split()[0] for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(map(int, spent)) / 1e9


def _rows(
    connections: int, found: dict[str, list[Measured]], spent_ms: dict[str, list[float]]
) -> list[Row]:
    medians = {name: [one.percentile_ms(50) for one in all_] for name, all_ in found.items()}
    rates = {name: [one.rate for one in all_] for name, all_ in found.items()}
    of = f"{connections} connections"
    return [
        compared(STAGE, f"{of}: median", medians["socket"], "ms", medians["post"], FLOOR),
        compared(STAGE, f"{of}: CPU of the API", spent_ms["socket"], "ms", spent_ms["post"], FLOOR),
        faster(STAGE, f"{of}: rate", rates["socket"], "orders/s", rates["post"]),
    ]


if __name__ == "__main__":
    main(run, "sockets")
