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
    name: str, title: str, bars: dict[str, dict[str, float]], floors: dict[str, float]
) -> None:
    """Bars side by side: series → group → height; a dashed line per floor."""
    groups = list(next(iter(bars.values())))
    figure, axes = pyplot.subplots(figsize=(8, 4))
    width = 0.8 / len(bars)
    for number, (series, heights) in enumerate(bars.items()):
        places = [index + number * width for index in range(len(groups))]
        drawn = axes.bar(places, [heights[group] for group in groups], width, label=series)
        if series in floors:
            color = drawn.patches[0].get_facecolor()
            axes.axhline(floors[series], color=color, linestyle="--", linewidth=1)
    axes.set_xticks([index + width * (len(bars) - 1) / 2 for index in range(len(groups))], groups)
    axes.set_title(title)
    axes.legend()
    figure.tight_layout()
    PLOTS.mkdir(exist_ok=True)
    figure.savefig(PLOTS / f"{name}.png", dpi=100, metadata={"Software": None})


def main() -> None:
    book = by_build(rows_of("book"), "ns/message")
    ratios = {
        build: {scenario: row.ratio or 0.0 for scenario, row in rows.items()}
        for build, rows in book.items()
    }
    floors = {
        build: row.floor for build, rows in book.items() for row in rows.values() if row.floor
    }
    draw("book", "Order book: times the baseline's speed (dashed: floor)", ratios, floors)
    applied = by_build(rows_of("engine_apply"), "commands/s")
    speeds = {
        build: {scenario: row.measured for scenario, row in rows.items()}
        for build, rows in applied.items()
    }
    floors = {
        build: row.floor for build, rows in applied.items() for row in rows.values() if row.floor
    }
    draw("engine_apply", "Engine without I/O: commands a second (dashed: floor)", speeds, floors)


if __name__ == "__main__":
    main()
