"""① Order intake over real HTTP: how many orders a second, how long each waits, against a baseline.

Several traders with tokens send limit orders over 1, 16 and 64 keep-alive connections, each with a
client order id of its own, to a durable Postgres and Redis. Compared, in turn, round by round:

    baseline  an idiomatic DRF and ORM view (`benchmarks.intake_baseline`), granian WSGI
    lean      POST /order as Django serves it, on the same server
    intake    POST /order as `make run` serves it: orders that arrive together are one statement
    batch     POST /orders/batch on that server, 50 orders a request
    cancel    DELETE /order/:id, the baseline's and the two of ours; every connection cancels an
              open order of its own, again and again: no engine ends it

Floors, of ratios round by round: lean 2.5 times the baseline's rate; intake 8 times at 16
connections and 12 at 64, its 99th percentile below the baseline's median; batches 30 times the
baseline.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.http_load import PLACEHOLDER, Measured, Plan, deleting, measure, posting
from benchmarks.report import Row, compared, faster, main, progress
from benchmarks.servers import start_servers

STAGE = "intake"
MARKET = "BTC-PERP"
TRADERS = 20
BATCH = 50
CONNECTIONS = (1, 16, 64)
LEAN_FLOOR = 2.5
INTAKE_FLOORS = {1: None, 16: 8.0, 64: 12.0}
BATCH_FLOOR = 30.0
BATCH_CONNECTIONS = 8


def run(short: bool) -> list[Row]:
    rounds, seconds = (5, 0.8) if short else (7, 4.0)
    progress(STAGE, "starting servers and an exchange")
    start_servers()
    tokens = make_exchange()
    with _django() as django_port, served() as intake_port:
        targets = {
            "baseline": (django_port, order_requests("/baseline/order", tokens)),
            "lean": (django_port, order_requests("/order", tokens)),
            "intake": (intake_port, order_requests("/order", tokens)),
        }
        rows = []
        for connections in CONNECTIONS:
            found = in_turn(STAGE, targets, connections, rounds, seconds)
            rows += _rows(connections, found)
        batches = {
            "baseline": targets["baseline"],
            "batch": (intake_port, _batch_requests(tokens)),
        }
        rows += _batch_rows(in_turn(STAGE, batches, BATCH_CONNECTIONS, rounds, seconds))
        orders = _open_orders(intake_port, tokens)
        targets = {
            "cancel baseline": (django_port, _cancel_requests("/baseline/order", orders)),
            "cancel lean": (django_port, _cancel_requests("/order", orders)),
            "cancel intake": (intake_port, _cancel_requests("/order", orders)),
        }
        for connections in (16,) if short else CONNECTIONS:
            rows += _cancel_rows(connections, in_turn(STAGE, targets, connections, rounds, seconds))
    return rows


def in_turn(
    stage: str,
    targets: dict[str, tuple[int, list[bytes]]],
    connections: int,
    rounds: int,
    seconds: float,
    secrets: dict[str, str] | None = None,
) -> dict[str, list[Measured]]:
    """Every target once a round, so that what else the machine does hits all of them. ``secrets``
    are those of the keys that sign, if any do."""
    found: dict[str, list[Measured]] = {name: [] for name in targets}
    for number in range(rounds):
        doing = f"{', '.join(targets)}; {connections} connections; round {number + 1} of {rounds}"
        progress(stage, doing)
        for letter, (name, (port, requests)) in zip("abcd", targets.items(), strict=False):
            prefix = f"{letter}{connections:03d}{number:04d}"
            plan = Plan(port, connections, seconds, 0.3, prefix, requests, secrets or {})
            found[name].append(measure(plan))
            forget_streams()
    return found


def rates_of(found: list[Measured]) -> list[float]:
    return [measured.rate for measured in found]


def _ms(found: list[Measured], percent: int) -> list[float]:
    return [measured.percentile_ms(percent) for measured in found]


def _rows(connections: int, found: dict[str, list[Measured]]) -> list[Row]:
    baseline_ms, baseline_rates = _ms(found["baseline"], 50), rates_of(found["baseline"])
    rows = []
    for name, floor in (("lean", LEAN_FLOOR), ("intake", INTAKE_FLOORS[connections])):
        figure, rates = f"{name}, {connections} connections", rates_of(found[name])
        rows.append(faster(STAGE, figure, rates, "orders/s", baseline_rates, floor))
    p99_floor = None if INTAKE_FLOORS[connections] is None else 1.0
    figure = f"intake, {connections} connections: p99, baseline median"
    rows.append(compared(STAGE, figure, _ms(found["intake"], 99), "ms", baseline_ms, p99_floor))
    for name, measured in found.items():
        figure = f"{name}, {connections} connections: median"
        rows.append(Row(STAGE, figure, median(_ms(measured, 50)), "ms"))
    share = max(measured.cpu_share for measured in found["intake"])
    figure = f"load generator, {connections} connections: share of a core"
    rows.append(Row(STAGE, figure, share * 100, "%"))
    return rows


def _batch_rows(found: dict[str, list[Measured]]) -> list[Row]:
    rates = [BATCH * rate for rate in rates_of(found["batch"])]
    figure = f"batches of {BATCH}"
    return [
        faster(STAGE, figure, rates, "orders/s", rates_of(found["baseline"]), BATCH_FLOOR),
        Row(STAGE, f"{figure}: p99", median(_ms(found["batch"], 99)), "ms"),
    ]


def _cancel_rows(connections: int, found: dict[str, list[Measured]]) -> list[Row]:
    baseline = found.pop("cancel baseline")
    rows = []
    for name, measured in found.items():
        figure, rates = f"{name}, {connections} connections", rates_of(measured)
        rows.append(faster(STAGE, figure, rates, "cancels/s", rates_of(baseline)))
        p99 = f"{figure}: p99, baseline median"
        rows.append(compared(STAGE, p99, _ms(measured, 99), "ms", _ms(baseline, 50), None))
    return rows


# --- the exchange ---------------------------------------------------------------------------------


def make_exchange() -> list[str]:
    """A market that is open and marked at 25,000, and traders with money; answers their tokens."""
    from django.core.management import call_command

    from accounts.models import User
    from benchmarks.tokens import token_of
    from ledger.services import deposit
    from markets.models import LeverageTier, MarketStatus
    from matching.messages.limits import MAX_MONEY_UNITS
    from tests.builders.markets import build_market
    from trading import services

    call_command("migrate", verbosity=0)
    market = build_market(
        MARKET,
        min_size_lots=2,
        min_notional_units=60_000_000,
        max_open_interest_lots=1_000_000_000,
        liquidation_fee_ppm=1_000,
    )
    tiers = [
        LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=10_000),
        LeverageTier(floor_units=1_000_000_000_000, max_leverage=10, maintenance_ppm=50_000),
    ]
    services.configure_market(market, by=None, tiers=tiers)
    MarketStatus.objects.filter(pk=MARKET).update(state="ACTIVE", mark_price_ticks=250_000)
    tokens = []
    for number in range(TRADERS):
        user = User.objects.create(username=f"bench{time.time_ns()}-{number}")
        deposit(user.pk, MAX_MONEY_UNITS // 2, approved=True)
        tokens.append(token_of(user))
    return tokens


def forget_streams() -> None:
    """No engine reads them here, and what Redis keeps would grow for hours."""
    from common.redis_client import redis_client
    from matching.messages.streams import input_stream

    redis_client().xtrim(input_stream(MARKET), maxlen=0)


def order_body() -> bytes:
    return (
        b'{"marketId":"BTC-PERP","side":"LONG","orderType":"limit","qty":"0.01","price":"24990.5",'
        b'"margin":"50","clientOrderId":"%s"}' % PLACEHOLDER
    )


def order_requests(path: str, tokens: list[str]) -> list[bytes]:
    return [posting(path, token, order_body()) for token in tokens]


def _batch_requests(tokens: list[str]) -> list[bytes]:
    body = b'{"orders":[' + b",".join([order_body()] * BATCH) + b"]}"
    return [posting("/orders/batch", token, body) for token in tokens]


def _open_orders(port: int, tokens: list[str]) -> list[tuple[str, int]]:
    """One for each connection, with its trader's token; open, as if an engine had taken them."""
    from trading.models import Order

    orders = []
    for number in range(max(CONNECTIONS)):
        token = tokens[number % len(tokens)]
        body = order_body().replace(PLACEHOLDER, f"cancel{number}".encode())
        url = f"http://127.0.0.1:{port}/order"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            orders.append((token, json.load(answer)["orderId"]))
    Order.objects.filter(pk__in=[order_id for _, order_id in orders]).update(status="open")
    return orders


def _cancel_requests(path: str, orders: list[tuple[str, int]]) -> list[bytes]:
    return [deleting(f"{path}/{order_id}", token) for token, order_id in orders]


# As an operator would serve Django alone: a process per core, threads that wait for Postgres.
_WSGI = "--interface wsgi --workers 2 --blocking-threads 4 --blocking-threads-idle-timeout 600"


@contextmanager
def _django() -> Iterator[int]:
    """Django under granian's WSGI, with the baseline beside it; its port."""
    from exchange_site.embedded.ports import free_port

    port = free_port()
    command = [sys.executable, "-m", "granian", *_WSGI.split(), "--port", str(port)]
    environment = {"DJANGO_SETTINGS_MODULE": "benchmarks.baseline_settings"}
    with serving([*command, "exchange_site.wsgi:application"], port, environment):
        yield port


@contextmanager
def served() -> Iterator[int]:
    """The API as `make run` serves it; its port."""
    with served_by() as (port, _):
        yield port


@contextmanager
def served_by() -> Iterator[tuple[int, int]]:
    """The same; with the process's id."""
    from exchange_site.embedded.parts import api_command
    from exchange_site.embedded.ports import free_port

    port = free_port()
    with serving(api_command(port), port, {}) as pid:
        yield port, pid


@contextmanager
def serving(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | environment)
    try:
        _wait_for(f"http://127.0.0.1:{port}/markets")
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main(run, "intake")
