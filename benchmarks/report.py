"""Figures of a benchmark as rows: a table to read, JSON lines to keep."""

import argparse
import importlib
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

RESULTS = Path(__file__).parent / "results"


class Row(msgspec.Struct, frozen=True):
    """One figure.

    baseline   the same figure of what it is compared with, in the same unit
    ratio      how many times better than the baseline
    floor      what the ratio must reach; where there is none, what the measured figure, which then
               is no time, may not exceed
    passed     None where nothing is asked of the figure
    """

    stage: str
    figure: str
    measured: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    floor: float | None = None
    passed: bool | None = None


def compared(
    stage: str,
    figure: str,
    measured: Sequence[float],
    unit: str,
    baseline: Sequence[float],
    floor: float | None = None,
) -> Row:
    """A cost beside a baseline's cost, round by round: how many times cheaper, and whether that is
    enough. See `_ratio`."""
    ratio = _ratio(baseline, measured)
    return _judged(Row(stage, figure, min(measured), unit, min(baseline), ratio, floor))


def faster(
    stage: str,
    figure: str,
    measured: Sequence[float],
    unit: str,
    baseline: Sequence[float],
    floor: float | None = None,
) -> Row:
    """A rate beside a baseline's rate, round by round: how many times as much, and whether that is
    enough. See `_ratio`."""
    ratio = _ratio(measured, baseline)
    return _judged(Row(stage, figure, max(measured), unit, max(baseline), ratio, floor))


def _ratio(upper: Sequence[float], lower: Sequence[float]) -> float:
    """Of what was measured in turn: the median of the rounds' ratios. What else the machine does
    for a while slows both of a round; a moment that hits one of them is one round of several."""
    return statistics.median(up / low for up, low in zip(upper, lower, strict=True))


def _judged(row: Row) -> Row:
    if row.floor is None or row.ratio is None:
        return row
    return msgspec.structs.replace(row, passed=row.ratio >= row.floor)


def at_most(stage: str, figure: str, measured: float, unit: str, ceiling: float) -> Row:
    """For what doesn't depend on how busy the machine is: sizes, and quotients of one run."""
    return Row(stage, figure, measured, unit, floor=ceiling, passed=measured <= ceiling)


def table(rows: Sequence[Row]) -> str:
    head = ("stage", "figure", "measured", "unit", "baseline", "ratio", "floor", "")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = []
    for line in cells:
        padded = [
            text.ljust(width) if column in (0, 1, 3) else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {None: "", True: "ok", False: "MISSED"}[row.passed]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
    numbers = [_number(value) for value in (row.measured, row.baseline, row.floor)]
    return row.stage, row.figure, numbers[0], row.unit, numbers[1], ratio, numbers[2], verdict


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def progress(stage: str, doing: str) -> None:
    """For whoever waits; what is measured goes to stdout."""
    print(f"{stage}: {doing}", file=sys.stderr, flush=True)


def keep(rows: Sequence[Row], name: str) -> Path:
    """Write the rows as JSON lines and as a table; returns the latter's path."""
    RESULTS.mkdir(exist_ok=True)
    lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    (RESULTS / f"{name}.jsonl").write_bytes(lines)
    path = RESULTS / f"{name}.txt"
    path.write_text(table(rows) + "\n")
    return path


def run_stage(name: str) -> list[Row]:
    """The rows of a stage with short settings."""
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run(True)
    return rows


def main(run: Callable[[bool], list[Row]], name: str) -> None:
    """The command line of one stage. Exits 1 if a floor is missed."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    rows = run(parser.parse_args().short)
    print(table(rows))
    keep(rows, name)
    sys.exit(any(row.passed is False for row in rows))
