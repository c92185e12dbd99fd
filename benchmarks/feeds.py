"""⑥ Many clients of one feeds process on one core, beside the same without shared frames.

Two markets, 50 messages a second: of each ten books, ten tickers and five trades, written to Redis
as engines do. Every client hears all of them, so a thousand clients are 50,000 messages a second.
Asked is what a message costs the process, in turn: as frames made once and one write per client and
tick, and message by message through the server. How old messages are when clients read them is
shown; it includes up to 100 ms until a book or ticker is looked at. The server has a core to itself
where the machine has two; the clients have the other one.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.feeds_listeners import Heard, Plan
from benchmarks.report import Row, compared, main, progress
from benchmarks.servers import start_servers
from benchmarks.sockets import cpu_s
from exchange_site.embedded.parts import feeds_command
from exchange_site.embedded.ports import free_port

STAGE = "feeds"
ROOT = Path(__file__).parents[1]
BOOKS_PER_S = 10  # and tickers, of a market
TRADES_EVERY = 2  # books
FLOOR = 1.2
READY_WITHIN_S = 120.0


def run(short: bool) -> list[Row]:
    clients, rounds, seconds = ([300], 3, 4.0) if short else ([1_000, 3_000], 3, 10.0)
    progress(STAGE, "starting servers")
    start_servers()
    markets = make_markets()
    rows = []
    for count in clients:
        rows += _rows(count, *_in_turn(count, rounds, seconds, markets))
    return rows


def make_markets() -> list[str]:
    from django.core.management import call_command

    from prices.demo_markets import DEMO_MARKETS

    call_command("migrate", verbosity=0)
    for demo in DEMO_MARKETS:
        demo.build().save()
    return [demo.market_id for demo in DEMO_MARKETS]


@dataclass(frozen=True)
class Measured:
    heard: Heard
    cpu_s: float
    seconds: float

    @property
    def us_per_message(self) -> float:
        return 1e6 * self.cpu_s / max(1, self.heard.messages)

    def age_ms(self, percent: int) -> float:
        return self.heard.age_percentiles_ms[percent - 1]


def _in_turn(
    clients: int, rounds: int, seconds: float, markets: list[str]
) -> tuple[list[Measured], list[Measured]]:
    found: tuple[list[Measured], list[Measured]] = ([], [])
    for number in range(rounds):
        for kind, measured in zip((feeds_command, _plain_command), found, strict=True):
            name = kind.__name__.strip("_").partition("_")[0]
            progress(STAGE, f"{clients} clients, {name}; round {number + 1} of {rounds}")
            plan = Plan(port := free_port(), clients, _channels(markets), seconds)
            with serving(kind(port), port) as pid, engines(markets):
                measured.append(measure(pid, plan))
    return found


def _plain_command(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.feeds_plain", "feeds", "--port", str(port)]


def _channels(markets: list[str]) -> list[str]:
    topics = ("book", "ticker", "trades")
    return [f"{topic}:{market_id}" for market_id in markets for topic in topics]


def measure(pid: int, plan: Plan) -> Measured:
    """What the process spends while the plan's clients listen."""
    listeners = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.feeds_listeners"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert listeners.stdin is not None
    assert listeners.stdout is not None
    with listeners:
        _pin(listeners.pid, 1)
        listeners.stdin.write(msgspec.json.encode(plan) + b"\n")
        listeners.stdin.flush()
        if listeners.stdout.readline() != b"ready\n":
            raise RuntimeError("the listeners ended early")
        time.sleep(plan.seconds / 4)
        used_s, began = cpu_s(pid), time.monotonic()
        heard = msgspec.json.decode(listeners.stdout.readline(), type=Heard)
        return Measured(heard, cpu_s(pid) - used_s, time.monotonic() - began)


def _pin(pid: int, core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {cores[core % len(cores)]})


@contextmanager
def serving(command: list[str], port: int) -> Iterator[int]:
    """On a core of its own where the machine has two; its process."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _pin(process.pid, 0)
        asyncio.run(_wait_for(port))
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def _wait_for(port: int) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


@contextmanager
def engines(markets: list[str]) -> Iterator[None]:
    """What engines' shells would write, until the end."""
    over = threading.Event()
    thread = threading.Thread(target=_write, args=(markets, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _write(markets: list[str], over: threading.Event) -> None:
    from common.redis_client import redis_client

    client = redis_client()
    client.flushdb()
    seq, due = 0, time.monotonic()
    while not over.wait(max(0.0, due - time.monotonic())):
        due += 1 / BOOKS_PER_S
        seq += 1
        pipe = client.pipeline(transaction=False)
        for market_id in markets:
            for key, value in _shown(market_id, seq):
                pipe.set(key, value)
            if seq % TRADES_EVERY == 0:
                stream, fields, number = _traded(market_id, seq // TRADES_EVERY)
                pipe.xadd(stream, fields, id=f"{number}-0")
        pipe.execute()


def _shown(market_id: str, seq: int) -> list[tuple[str, bytes]]:
    from matching.messages.streams import Depth, Ticker, depth_key, ticker_key
    from matching.messages.vocabulary import MarketState

    now_ms = time.time_ns() // 1_000_000
    levels = [(n, 100 + (seq * 7 + n) % 5) for n in range(50)]
    depth = Depth(
        seq=seq,
        time_ms=now_ms,
        bids=[(500_000 - n, lots) for n, lots in levels],
        asks=[(500_010 + n, lots) for n, lots in levels],
    )
    ticker = Ticker(
        seq=seq,
        time_ms=now_ms,
        state=MarketState.ACTIVE,
        mark_price_ticks=500_000 + seq % 100,
        index_price_ticks=500_000,
        last_price_ticks=500_000,
        best_bid_ticks=500_000,
        best_ask_ticks=500_010,
        open_interest_lots=1_000,
    )
    encode = msgspec.json.encode
    return [(depth_key(market_id), encode(depth)), (ticker_key(market_id), encode(ticker))]


def _traded(market_id: str, seq: int) -> tuple[str, Any, int]:
    from matching.messages.codec import encode_entry
    from matching.messages.events import OutputEntry
    from matching.messages.streams import ENTRY_FIELD, output_stream
    from tests.feeds.conftest import leg, trade

    entry = OutputEntry(
        seq=seq,
        input_id=f"{seq}-0",
        time_ms=time.time_ns() // 1_000_000,
        command_id=0,
        events=(trade(seq, leg(2 * seq + 1, 1), leg(2 * seq + 2, 2)),),
    )
    return output_stream(market_id), {ENTRY_FIELD: encode_entry(entry)}, seq


def _rows(clients: int, frames: list[Measured], plain: list[Measured]) -> list[Row]:
    of = f"{clients:,} clients"
    rows = [
        compared(
            STAGE, f"{of}: CPU of a message",
            [one.us_per_message for one in frames], "µs",
            [one.us_per_message for one in plain], FLOOR,
        )
    ]  # fmt: skip
    for name, found in (("frames", frames), ("one by one", plain)):
        best = min(found, key=lambda one: one.age_ms(99))
        share = 100 * best.cpu_s / best.seconds
        rows += [
            Row(STAGE, f"{of}, {name}: age when read, p50", best.age_ms(50), "ms"),
            Row(STAGE, f"{of}, {name}: age when read, p99", best.age_ms(99), "ms"),
            Row(STAGE, f"{of}, {name}: messages", best.heard.messages / best.seconds, "/s"),
            Row(STAGE, f"{of}, {name}: CPU", share, "% of a core"),
            Row(STAGE, f"{of}, {name}: disconnected", sum(one.heard.closed for one in found), ""),
        ]
    return rows


if __name__ == "__main__":
    main(run, "feeds")
