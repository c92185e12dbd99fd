"""Measures the order book beside the baseline, in a process that has one build of it.

Nanoseconds of CPU time: CPU time, because others may be using the machine; in turns, because they
also take the caches, which slows both of a round.
"""

import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.book_baseline import run_baseline
from benchmarks.flow import SCENARIOS, START_TICKS, Message, messages
from matching.compiled import use_build

SEED = 20261122
Run = Callable[[list[Message], Iterator[Any]], tuple[int, int, int]]


class Measured(msgspec.Struct):
    """By scenario (book, baseline) per message, by figure (small, large) per operation: of each a
    list of rounds."""

    scenarios: dict[str, tuple[list[float], list[float]]]
    cliffs: dict[str, tuple[list[float], list[float]]]


def timed(step: Callable[[], Any]) -> tuple[int, Any]:
    gc.collect()
    gc.disable()
    started = time.process_time_ns()
    found = step()
    elapsed = time.process_time_ns() - started
    gc.enable()
    return elapsed, found


def measure_scenarios(count: int, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    from benchmarks import book_loop

    def per_message(run: Run, flow: list[Message]) -> tuple[float, tuple[int, int, int]]:
        orders = iter(list(book_loop.orders_of(flow)))
        elapsed, found = timed(lambda: run(flow, orders))
        return elapsed / len(flow), found

    measured = {}
    for scenario in SCENARIOS:
        flow = list(messages(scenario, count, SEED))
        ours: list[float] = []
        baseline: list[float] = []
        for _ in range(rounds):
            cost, fills = per_message(book_loop.run_book, flow)
            ours.append(cost)
            cost, expected = per_message(run_baseline, flow)
            baseline.append(cost)
            assert fills == expected, "both books must do the same"
        measured[scenario.name] = ours, baseline
    return measured


# ---------------------------------------------------------------------------------------- cliffs


def cancel_in_queues_of(length: int, total: int) -> float:
    """Cancels in random order from queues of this length, as many as make the total."""
    from benchmarks.book_loop import new_order
    from matching.core.book.book import OrderBook

    book = OrderBook()
    orders = [new_order(n + 1, True, START_TICKS - n // length, 1) for n in range(total)]
    for order in orders:
        book.append(order)
    random.Random(SEED).shuffle(orders)
    gone = orders[: total // 2]

    def cancel() -> None:
        for order in gone:
            book.remove(order)

    return timed(cancel)[0] / len(gone)


def eat_queues_of(length: int, total: int) -> float:
    """Fills lot by lot from the front; every order has two lots."""
    from benchmarks.book_loop import new_order
    from matching.core.book.book import OrderBook

    book = OrderBook()
    for n in range(total):
        book.append(new_order(n + 1, True, START_TICKS - n // length, 2))
    bids = book.bids

    def eat() -> None:
        while (level := bids.best) is not None:
            book.reduce(level.oldest, 1)

    return timed(eat)[0] / (2 * total)


def churn_among_levels(levels: int, total: int, *, apart_ticks: int = 2) -> float:
    """An order alone at a price anywhere among so many levels comes and goes."""
    from benchmarks.book_loop import new_order
    from matching.core.book.book import OrderBook

    book = OrderBook()
    for n in range(levels):
        book.append(new_order(n + 1, True, START_TICKS + apart_ticks * n, 1))
    rng = random.Random(SEED)
    prices = [START_TICKS + apart_ticks * rng.randrange(levels) + 1 for _ in range(total)]
    orders = [new_order(levels + n + 1, True, price, 1) for n, price in enumerate(prices)]

    def churn() -> None:
        for order in orders:
            book.append(order)
            book.remove(order)

    return timed(churn)[0] / total


def churn_apart(levels: int, total: int) -> float:
    return churn_among_levels(levels, total, apart_ticks=100)


def measure_cliffs(rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    figures: dict[str, tuple[Callable[[int, int], float], int, int, int]] = {
        "cancel, queue of 100,000 to 10": (cancel_in_queues_of, 10, 100_000, 100_000),
        "fill, queue of 50,000 to 50": (eat_queues_of, 50, 50_000, 50_000),
        "level comes and goes, 100,000 levels to 100": (churn_among_levels, 100, 100_000, 50_000),
        "the same, levels 100 ticks apart": (churn_apart, 100, 100_000, 50_000),
    }
    measured: dict[str, tuple[list[float], list[float]]] = {}
    for name, (step, small, large, total) in figures.items():
        pairs = [(step(small, total), step(large, total)) for _ in range(rounds)]
        measured[name] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return measured


def main() -> None:
    """Arguments: messages, rounds, and the folder of a build, empty for pure Python."""
    count, rounds, folder = sys.argv[1:]
    if folder:
        use_build(Path(folder))
    measured = Measured(measure_scenarios(int(count), int(rounds)), measure_cliffs(int(rounds)))
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    main()
