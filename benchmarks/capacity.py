"""What a load needs, by a model: `python -m benchmarks.capacity` prints the tables of
docs/scaling.md, the model beside what `benchmarks.exchange` measured among them.

The model is what an order costs each part in microseconds of a core, and by how much more it costs
where orders are spread over more wallets (a transaction locks and writes more rows) and over more
markets (turns, batches and groups are of fewer orders each). It says nothing of waiting: a part may
be asked for two thirds of its cores, not for all of them.
"""

import math
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.report import RESULTS, Row

MEASURED = RESULTS / "exchange.jsonl"
BUSY_MAX = 2 / 3  # of what a part has
TRADERS_BASE = 10
SECONDS_OF_DAY = 86_400
PER_MESSAGE_US = 6.0  # of a feeds process, frames and one write a tick
BYTES_OF_ORDER, LOG_BYTES_OF_ORDER = 4_300, 9_100  # `benchmarks.growth`


class Cost(NamedTuple):
    """Microseconds of a core: of an order among ten wallets in one market, more for ten times as
    many wallets, more for twice as many markets. ``scales_by``: what takes more of its cores."""

    order_us: float
    wallets_us: float
    markets_us: float
    scales_by: str

    def of(self, traders: int, markets: int) -> float:
        wallets = math.log10(max(traders, TRADERS_BASE) / TRADERS_BASE)
        # From some dozen markets on, a market's batches are of one order each and get no dearer.
        return self.order_us + self.wallets_us * wallets + self.markets_us * _doublings(markets)


def _doublings(markets: int) -> float:
    return min(math.log2(max(markets, 1)), 5.0)


COSTS = {
    "postgres": Cost(250, 55, 25, "one primary; then cells"),
    "api": Cost(205, 5, 7, "processes, any host"),
    "worker": Cost(100, 5, 7, "markets, by lease"),
    "engine": Cost(50, 2, 8, "markets, by name"),
    "redis": Cost(58, 0, 8, "markets, by slot"),
    "feeds": Cost(26, 1, 10, "clients, any host"),
}


class Load(NamedTuple):
    """``messages_per_s`` of one client of the feeds."""

    name: str
    orders_per_s: float
    traders: int
    markets: int
    clients: int = 0
    messages_per_s: float = 0.0


LOADS = (
    Load("10,000 orders/s", 10_000, 10_000, 100, 3_000, 20),
    Load("100,000 orders/s", 100_000, 100_000, 300, 30_000, 20),
    Load("1,000,000 clients", 10_000, 100_000, 100, 1_000_000, 5),
    Load("1,000 markets", 5_000, 10_000, 1_000, 3_000, 20),
)


class Point(NamedTuple):
    traders: int
    resting: int
    markets: int
    orders_per_s: float
    shares: dict[str, float]  # of a core, by part


def measured_points(path: Path = MEASURED) -> list[Point]:
    """As `benchmarks.exchange` wrote them: "10 traders, 0 resting, 1 markets: CPU of api"."""
    found: dict[str, dict[str, float]] = {}
    for line in path.read_bytes().splitlines():
        row = msgspec.json.decode(line, type=Row)
        at, what = row.figure.split(": ", 1)
        found.setdefault(at, {})[what] = row.measured
    points = []
    for at, figures in found.items():
        traders, resting, markets = (
            int(word.replace(",", "")) for word in at.split() if word[0].isdigit()
        )
        shares = {part: figures[f"CPU of {part}"] / 100 for part in COSTS}
        points.append(Point(traders, resting, markets, figures["persisted"], shares))
    return points


def cores(load: Load) -> dict[str, float]:
    """That are busy, by part. Feeds: with all that clients hear."""
    used = {
        part: cost.of(load.traders, load.markets) * load.orders_per_s / 1e6
        for part, cost in COSTS.items()
    }
    used["feeds"] += load.clients * load.messages_per_s * PER_MESSAGE_US / 1e6
    return used


def model_beside_measured() -> list[str]:
    lines = ["| measured at | orders/s | " + " | ".join(COSTS) + " |"]
    lines.append("| --- " * (2 + len(COSTS)) + "|")
    for point in measured_points():
        told = [
            f"{100 * cost.of(point.traders, point.markets) * point.orders_per_s / 1e6:.0f}"
            f" ({100 * point.shares[part]:.0f})"
            for part, cost in COSTS.items()
        ]
        at = f"{point.traders:,} traders, {point.resting:,} resting, {point.markets} markets"
        lines.append(f"| {at} | {point.orders_per_s:,.0f} | " + " | ".join(told) + " |")
    return lines


def needs() -> list[str]:
    lines = ["| load | " + " | ".join(COSTS) + " | kept a day | log |"]
    lines.append("| --- " * (3 + len(COSTS)) + "|")
    for load in LOADS:
        told = [f"{math.ceil(used / BUSY_MAX):,}" for used in cores(load).values()]
        terabytes = load.orders_per_s * SECONDS_OF_DAY * BYTES_OF_ORDER / 1e12
        log_mb = load.orders_per_s * LOG_BYTES_OF_ORDER / 1e6
        lines.append(
            f"| {load.name} | " + " | ".join(told) + f" | {terabytes:.1f} TB | {log_mb:,.0f} MB/s |"
        )
    return lines


def main() -> None:
    for lines in (model_beside_measured(), needs()):
        sys.stdout.write("\n".join(lines) + "\n\n")


if __name__ == "__main__":
    main()
