"""What an abuser costs another trader: the time that trader's orders take, beside a quiet exchange.

An API as it is deployed, with its limits, on servers of its own. Round by round the trader sends
orders over four connections while nobody else does anything, then while each abuser is at work. A
ceiling says how many times its 95th percentile may be of the quiet round beside it: 2. An abuser is
a name and a context that keeps it at work: `benchmarks.slow_sockets`, `benchmarks.hasty_clients`.
Their own work has the lowest priority of the machine's: on another machine it would cost nothing.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from benchmarks import hasty_clients, slow_sockets
from benchmarks.http_load import Plan, measure
from benchmarks.intake import make_exchange, order_requests, served
from benchmarks.report import Row, at_most, keep, progress, table
from benchmarks.servers import start_servers

STAGE = "abuse"
CEILING = 2.0
SOCKETS = 500
CONNECTIONS = 4

Abuser = Callable[[int], AbstractContextManager[None]]


def abusers(token: str) -> dict[str, Abuser]:
    """By name, what keeps each at work at a port; ``token`` is of a trader without money."""
    slow: dict[str, Abuser] = {
        f"slow: {name}": partial(slow_sockets.slow_sockets, name=name, count=SOCKETS)
        for name in slow_sockets.KINDS
    }
    hasty: dict[str, Abuser] = {
        name: partial(hasty_clients.hasty_clients, name=name, token=token)
        for name in hasty_clients.KINDS
    }
    return slow | hasty


def run(short: bool, only: str = "") -> list[Row]:
    rounds, seconds = (3, 1.5) if short else (5, 4.0)
    os.environ["LIMITS"] = "1"
    start_servers()
    tokens = make_exchange()[:CONNECTIONS]
    _let_them_trade()
    chosen = {name: one for name, one in abusers(_poor_trader()).items() if only in name}
    quiet: dict[str, Abuser] = {"quiet": lambda _: nullcontext()}
    p95: dict[str, list[float]] = {}
    with served() as port:
        requests = order_requests("/order", tokens)
        for number in range(rounds):
            for place, (name, abuser) in enumerate(({**quiet, **chosen}).items()):
                prefix = f"{place:02d}{number:06d}"
                progress(STAGE, f"round {number + 1} of {rounds}: {name}")
                with abuser(port):
                    measured = measure(Plan(port, CONNECTIONS, seconds, 0.5, prefix, requests))
                p95.setdefault(name, []).append(measured.percentile_ms(95))
    return _rows(p95)


def _rows(p95: dict[str, list[float]]) -> list[Row]:
    quiet = p95.pop("quiet")
    rows = [Row(STAGE, "quiet: p95 of an order", statistics.median(quiet), "ms")]
    for name, found in p95.items():
        times = statistics.median(one / other for one, other in zip(found, quiet, strict=True))
        rows.append(at_most(STAGE, f"{name}: p95 of another's order", times, "× quiet", CEILING))
    return rows


def _let_them_trade() -> None:
    """As an operator lets market makers: their orders are what is measured."""
    from accounts.models import User
    from trading.models import FeeTier, UserFeeTier
    from trading.models.trader import REQUESTS_PER_S_MAX

    tier = FeeTier.objects.create(
        name="measured", maker_fee_ppm=0, taker_fee_ppm=0, orders_per_s=REQUESTS_PER_S_MAX
    )
    UserFeeTier.objects.bulk_create(
        UserFeeTier(user=user, tier=tier) for user in User.objects.filter(username__startswith="b")
    )


def _poor_trader() -> str:
    from accounts.models import User
    from benchmarks.tokens import token_of

    return token_of(User.objects.create(username="abuser"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.abuse", description=__doc__)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--only", default="", help="abusers with this in their names")
    options = parser.parse_args()
    rows = run(options.short, options.only)
    print(table(rows))
    if not options.only:
        keep(rows, STAGE)
    sys.exit(any(row.passed is False for row in rows))


if __name__ == "__main__":
    main()
