"""Draws the kept results into docs/plots: `make plots`, after the stages have been run."""

import sys
from pathlib import Path

import matplotlib
import msgspec

from benchmarks.report import RESULTS, Row

matplotlib.use("Agg")
from matplotlib import pyplot

PLOTS = Path(__file__).resolve().parent.parent / "docs" / "plots"


def rows_of(stage: str) -> list[Row]:
    path = RESULTS / f"{stage}.jsonl"
    if not path.is_file():
        sys.exit(f"error: run `python -m benchmarks.{stage}` first: {path.name} is missing")
    return [msgspec.json.decode(line, type=Row) for line in path.read_bytes().splitlines()]


def by_build(rows: list[Row], unit: str) -> dict[str, dict[str, Row]]:
    """Build → scenario → row."""
    builds: dict[str, dict[str, Row]] = {}
    for row in rows:
        build, _, scenario = row.figure.partition(": ")
        if row.unit == unit:
            builds.setdefault(build, {})[scenario] = row
    return builds


def draw(
    name: str,
    title: str,
    bars: dict[str, dict[str, float]],
    floors: dict[str, float] | None = None,
    *,
    is_log: bool = False,
) -> None:
    """Bars side by side: series → group → height; a dashed line per floor."""
    groups = list(next(iter(bars.values())))
    figure, axes = pyplot.subplots(figsize=(8, 4))
    width = 0.8 / len(bars)
    for number, (series, heights) in enumerate(bars.items()):
        places = [index + number * width for index in range(len(groups))]
        drawn = axes.bar(places, [heights[group] for group in groups], width, label=series)
        if floors and series in floors:
            color = drawn.patches[0].get_facecolor()
            axes.axhline(floors[series], color=color, linestyle="--", linewidth=1)
    axes.set_xticks([index + width * (len(bars) - 1) / 2 for index in range(len(groups))], groups)
    if is_log:
        axes.set_yscale("log")
    axes.set_title(title)
    axes.legend()
    figure.tight_layout()
    PLOTS.mkdir(exist_ok=True)
    figure.savefig(PLOTS / f"{name}.png", dpi=100, metadata={"Software": None})


def draw_book() -> None:
    builds = by_build(rows_of("book"), "ns/message")
    ratios = {
        build: {scenario: row.ratio or 0.0 for scenario, row in rows.items()}
        for build, rows in builds.items()
    }
    title = "Order book: times the baseline's speed (dashed: floor)"
    draw("book", title, ratios, floors_of(builds))


def draw_engine_apply() -> None:
    builds = by_build(rows_of("engine_apply"), "commands/s")
    speeds = {
        build: {scenario: row.measured for scenario, row in rows.items()}
        for build, rows in builds.items()
    }
    draw("engine_apply", "Engine without I/O: commands a second", speeds)


def floors_of(builds: dict[str, dict[str, Row]]) -> dict[str, float]:
    return {
        build: row.floor for build, rows in builds.items() for row in rows.values() if row.floor
    }


def draw_intake() -> None:
    """Figures are ``<who>, <connections>: <which latency>[, what it is held against]``."""
    bars: dict[str, dict[str, float]] = {}
    for row in rows_of("intake"):
        who, _, rest = row.figure.partition(", ")
        connections, _, latency = rest.partition(": ")
        is_order = connections.endswith("connections") and not who.startswith("cancel")
        if row.unit == "ms" and is_order:
            series = bars.setdefault(f"{who}, {latency.partition(',')[0]}", {})
            series[connections] = row.measured
    draw("intake", "An order answered after, in ms", dict(sorted(bars.items())), is_log=True)


def draw_exchange() -> None:
    """Figures are ``<traders>, <resting>, <markets>: <what>``, the first the one that grows."""
    latencies: dict[str, dict[str, float]] = {}
    rates: dict[str, dict[str, float]] = {}
    rows = rows_of("exchange")
    first = rows[0].figure.partition(": ")[0].split(", ")
    for row in rows:
        point, _, what = row.figure.partition(": ")
        changed = [part for part, as_first in zip(point.split(", "), first, strict=True)
                   if part != as_first]  # fmt: skip
        group = "\n".join(changed or first).replace(" ", "\n", 1)
        if row.unit == "ms":
            latencies.setdefault(what, {})[group] = row.measured
        elif row.unit == "orders/s":
            rates.setdefault(what, {})[group] = row.measured
    title = "From an order being due, in ms, as one thing grows"
    draw("exchange_latency", title, latencies, is_log=True)
    draw("exchange_rate", "Orders a second, as one thing grows", rates)


def main() -> None:
    draw_book()
    draw_engine_apply()
    draw_intake()
    draw_exchange()


if __name__ == "__main__":
    main()
