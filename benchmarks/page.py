"""The trading page in Chromium, beside a simulator that sends orders all the while.

What counts: how long until the page can be used (`page_loads`), whether anything kept the browser's
main thread for longer than a few frames (long tasks), whether its memory grows, and whether
anything was wrong on its console. The exchange, its simulator and the browser share this machine's
cores, so times are this machine's; quotients of one run are judged.

``python -m benchmarks.page --minutes 10``, or `make page-soak`.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from benchmarks import page_loads, page_memory
from benchmarks.exchange import ROOT, Exchange
from benchmarks.report import Row, at_most, keep, table

if TYPE_CHECKING:
    from tests.flow.trading_page import TradingPage

STAGE = "page"
ORDERS_PER_S = 50
TRADERS = 20
MARKET = "BTC-PERP"
LOOK_EVERY_S = 10
# The first seconds draw all that there is for the first time.
SETTLED_S = 30
# By then what runs often has been compiled (`page_memory`).
COMPILED_S = 150
LONG_MS = 100
GROWTH_MAX = 1.1
SHORTEST_RUN_S = 60

# Before any script of the page: what is long is told by the browser itself.
WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longTasks.push([one.startTime, one.duration]);
}).observe({ type: "longtask", buffered: true });
"""


@dataclass
class Seen:
    interactive_ms: float
    heaps_mb: list[float] = field(default_factory=list)  # once all is compiled
    held: list[page_memory.Held] = field(default_factory=list)  # at first, and at last
    long_ms: list[float] = field(default_factory=list)
    trades: int = 0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def simulator(url: str) -> Iterator[None]:
    """Its words are kept until it ends: they say why, if it does so early."""
    command = [sys.executable, "manage.py", "simulate", "--traders", str(TRADERS)]
    command += ["--rate", str(ORDERS_PER_S), "--seed", "18", "--url", url]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(log.read().decode()[-2_000:])
        finally:
            process.terminate()
            process.wait(60)


def first_loads(url: str) -> page_loads.Loads:
    """While nobody trades: what the page itself takes."""
    from tests.flow.desk import chromium

    with chromium() as browser:
        return page_loads.measure(browser, url, f"/trade/{MARKET}")


def watch(url: str, seconds: float) -> Seen:
    """A trader who holds a position and looks at its market. Django has been set up by now."""
    from tests.flow.desk import chromium
    from tests.flow.trading_page import TradingPage

    with chromium() as browser:
        page = TradingPage(browser, url)
        page.context.add_init_script(WATCH)
        page.open(f"/trade/{MARKET}")
        seen = Seen(interactive_ms=_interactive_ms(page))
        page.sign_up("page-soak")
        page.fund("100000")
        page.page.locator(".asks li").first.wait_for()  # somebody offers something
        page.tab("Market").click()
        page.page.locator("input[name=size]").fill("0.05")
        page.page.get_by_test_id("submit").click()
        page.row("Positions").first.wait_for()
        devtools = page.context.new_cdp_session(page.page)
        page.page.wait_for_timeout(SETTLED_S * 1_000)
        seen.held.append(_held(page))
        since_ms = page.page.evaluate("performance.now()")
        first = _last_trade(url)
        page.page.wait_for_timeout((COMPILED_S - SETTLED_S) * 1_000)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seen.heaps_mb.append(page_memory.heap_mb(devtools))
            page.page.wait_for_timeout(LOOK_EVERY_S * 1_000)
        tasks = page.page.evaluate("window.longTasks")
        seen.long_ms = [took for began, took in tasks if began > since_ms]
        seen.held.append(_held(page))
        seen.trades = _last_trade(url) - first
        seen.wrong = page.wrong
        page.context.close()
    return seen


def _interactive_ms(page: "TradingPage") -> float:
    """From the request until the ticket can be typed into."""
    page.page.locator("#ticket input[name=size]").wait_for()
    return float(page.page.evaluate("performance.now()"))


def _held(page: "TradingPage") -> page_memory.Held:
    devtools = page.context.new_cdp_session(page.page)
    held = page_memory.held(devtools)
    devtools.detach()
    return held


def _last_trade(url: str) -> int:
    trades = httpx.get(f"{url}/markets/{MARKET}/trades?limit=1", timeout=60).json()["trades"]
    return int(trades[0]["id"]) if trades else 0


def rows_of(seen: Seen) -> list[Row]:
    """Memory at the end beside that at the beginning: with code, of all looks the first tenth and
    the last; without, from the first half minute on."""
    part = max(1, len(seen.heaps_mb) // 10)
    began, ended = (
        statistics.median(half) for half in (seen.heaps_mb[:part], seen.heaps_mb[-part:])
    )
    (made_first, kept_first), (made, kept) = seen.held
    longest = max(seen.long_ms, default=0.0)
    return [
        Row(STAGE, "until it can be used, under load", seen.interactive_ms, "ms"),
        Row(STAGE, "trades shown meanwhile", seen.trades, ""),
        Row(STAGE, "longest task after the start", longest, "ms"),
        Row(STAGE, f"tasks over {LONG_MS} ms", sum(ms > LONG_MS for ms in seen.long_ms), ""),
        Row(STAGE, "memory of scripts and their code at the end", ended, "MB"),
        at_most(STAGE, "the same, beside when it was compiled", ended / began, "", GROWTH_MAX),
        Row(STAGE, "made by scripts and held at the end", made, "MB"),
        at_most(STAGE, "the same, beside the beginning", made / made_first, "", GROWTH_MAX),
        Row(STAGE, "kept by the browser, end beside beginning", kept / kept_first, ""),
        at_most(STAGE, "errors on its console", len(seen.wrong), "", 0),
    ]


def soak(seconds: float) -> list[Row]:
    exchange = Exchange()
    try:
        exchange.wait_ready()
        url = f"http://127.0.0.1:{exchange.port}"
        loads = first_loads(url)
        with simulator(url):
            seen = watch(url, seconds)
    finally:
        exchange.stop()
    for words in seen.wrong:
        print(words, file=sys.stderr)
    return [*page_loads.rows_of(loads), *rows_of(seen)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    seconds = max(SHORTEST_RUN_S, 60 * parser.parse_args().minutes)
    rows = soak(seconds)
    print(table(rows))
    print(f"\nwritten to {keep(rows, STAGE)}")
    sys.exit(any(row.passed is False for row in rows))


if __name__ == "__main__":
    main()
