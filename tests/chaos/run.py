"""One run: the load, what is done meanwhile, and what must be true in the end."""

import argparse
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Protocol

from tests.chaos import checks, compound, custody, promises, transfers
from tests.chaos.exchange import Exchange
from tests.chaos.faults import Damage, plan
from tests.chaos.load import MARKETS, Prober, Request
from tests.chaos.occurrences import never_happened, occurrences
from tests.chaos.replaying import naive_differences
from tests.chaos.streams import Recorder
from tests.chaos.traders import Trader

TRADERS = 9
RECKLESS = 3  # of them
RECORDS_SHOWN_MAX = 20
LONG_RUN_S = 300  # and longer: Redis is wiped once


class Recovery:
    """From each kill until an order that was sent after it had gone all the way."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self._open: list[float] = []
        self._lock = threading.Lock()
        self._through = threading.Event()

    def kill(self) -> None:
        with self._lock:
            self._open.append(time.monotonic())
            self._through.clear()

    def order_through(self, sent_s: float) -> None:
        now = time.monotonic()
        with self._lock:
            done = [killed for killed in self._open if killed < sent_s]
            self._open = [killed for killed in self._open if killed >= sent_s]
            self.times_s += [now - killed for killed in done]
            if not self._open:
                self._through.set()

    def wait(self, within_s: float) -> bool:
        return self._through.wait(within_s)

    @property
    def unfinished(self) -> int:
        return len(self._open)


class Log(Protocol):
    """Of what was done to the exchange."""

    kills: Counter[str]
    others: Counter[str]
    log: list[str]


class Run:
    def __init__(self, options: argparse.Namespace, exchange: Exchange) -> None:
        self.options = options
        self.exchange = exchange
        self.recovery = Recovery()
        self.stop_load = threading.Event()
        self.failures: dict[str, list[str]] = {}
        self.remarks: list[str] = []
        self.happened: dict[str, int] = {}
        self._ended: list[Request] = []

    def go(self) -> bool:
        options = self.options
        say(f"seed {options.seed}, {options.duration} s, {options.kills} kills")
        say(f"data and logs: {self.exchange.data}")
        self.exchange.start()
        self.exchange.start_operator(options.seed)
        self.exchange.start_storm(options.seed)
        one_master = self.exchange.has_one_master
        self.recorder = Recorder(self.exchange.store(), list(MARKETS), one_master=one_master)
        self.damage: Log = self._log()
        url = self.exchange.url
        names = [f"chaos{n}" for n in range(TRADERS)]
        self.traders = [
            Trader(
                url, name, self.stop_load, f"{options.seed} {n}", options.rate / TRADERS,
                reckless=n < RECKLESS, chain_url=self.exchange.services["DEMO_CHAIN_URL"],
                others=[other for other in names if other != name],
            )
            for n, name in enumerate(names)
        ]  # fmt: skip
        self.prober = Prober(url, self.stop_load, self.recovery.order_through)
        for thread in self._threads:
            thread.start()
        began = time.monotonic()
        self._storm()
        self.recovery.wait(options.within)
        self.stop_load.set()
        for thread in self._callers:
            thread.join()
        self.exchange.end_storm()
        self.exchange.end_operator()
        self._ended = compound.end_algos(self.exchange.url, [one.name for one in self.traders])
        say(f"load ended after {time.monotonic() - began:.0f} s; checking")
        self._check()
        self._print_figures()
        return not any(self.failures.values())

    def _log(self) -> Log:
        """Of `_storm`, which is next."""
        self._damage = Damage(self.exchange, self.recorder, self.options.seed)
        return self._damage

    def _storm(self) -> None:
        options = self.options
        wipe = options.wipe or options.duration >= LONG_RUN_S
        steps = plan(options.seed, options.kills, wipe=wipe, standby=options.standby)
        calm_s = min(5.0, options.duration * 0.1)
        time.sleep(calm_s)  # traders sign up and fund
        began, lasts_s = time.monotonic(), options.duration - 2 * calm_s
        for number, step in enumerate(steps):
            # What waiting for recovery took is taken from the pauses still to come.
            left_s = began + lasts_s - time.monotonic()
            share = step.after - (steps[number - 1].after if number else 0.0)
            rest = 1.0 - (steps[number - 1].after if number else 0.0)
            time.sleep(max(0.0, left_s * share / rest))
            if self._damage.do(step.fault):
                self.recovery.kill()
                if step.waits and not self.recovery.wait(options.within):
                    self._fail("recovery", f"none within {options.within:.0f} s: {step}")
        time.sleep(max(0.0, began + lasts_s - time.monotonic()))

    def _check(self) -> None:
        self.failures["no quiet"] = checks.wait_until_quiet(self.exchange)
        self.recorder.read()
        self.recorder.stop()
        self.failures["broken load"] = [
            f"{thread.name}: {thread.fault!r}" for thread in self._threads if thread.fault
        ]
        with self.exchange.database() as database:
            books = checks.Books(database, self.requests)
        for name, check in (checks.BOOK_CHECKS | compound.COMPOUND_CHECKS).items():
            self.failures[name] = check(books)
        chain = self.exchange.chain_file
        self.failures["withdrawals lost or doubled"] = custody.wrong_withdrawals(books, chain)
        self.failures["deposits of the chain"] = custody.wrong_chain_deposits(books, chain)
        self.failures["transfers lost or doubled"] = transfers.wrong_transfers(books)
        self.failures["custody off ledger"] = custody.custody_off_ledger(books, chain)
        self.failures["book"] = checks.book_differences(self.exchange)
        self.failures["commands lost or doubled"] = promises.lost_or_doubled(books)
        self.failures["commands without their effect"] = promises.wrong_effects(
            books, self.recorder
        )
        self.failures["operator's commands"] = promises.wrong_operator_commands(
            books, self.exchange.operator_lines()
        )
        self.failures["leverage"] = promises.wrong_leverages(books)
        differences, self.remarks = naive_differences(books, self.recorder)
        self.failures["naive replay"] = differences
        self.failures["reconcile and verifyreplay"] = checks.unclean(self.exchange)
        self.happened = occurrences(books, self.recorder) | custody.happened(books)
        self.happened |= transfers.happened(books) | compound.happened(books)
        self.happened |= {"stretches sealed": books.seals}
        if self.options.duration >= LONG_RUN_S:
            self.failures["never happened"] = never_happened(self.happened)

    def _fail(self, name: str, record: str) -> None:
        self.failures.setdefault(name, []).append(record)

    def _count(self, *names: str) -> int:
        return sum(len(self.failures[name]) for name in names)

    @property
    def requests(self) -> list[Request]:
        of_load = [request for caller in self._callers for request in caller.requests]
        return of_load + self._ended

    @property
    def _callers(self) -> list[Trader | Prober]:
        return [*self.traders, self.prober]

    @property
    def _threads(self) -> list[Trader | Prober | Recorder]:
        return [self.recorder, *self._callers]

    def _print_figures(self) -> None:
        sent = [request for request in self.requests if request.kind != "read"]
        answers = Counter(a.status for request in sent for a in request.attempts)
        refused = {status: n for status, n in sorted(answers.items()) if not 200 <= status < 300}
        times = self.recovery.times_s or [0.0]
        kills = self.damage.kills
        say("\n".join(self.damage.log))
        rows = {
            "seed": self.options.seed,
            "requests": f"{len(sent)} in {sum(answers.values())} attempts",
            "acknowledged": sum(request.acknowledged is not None for request in sent),
            "refused, by status": f"{refused} (0: no answer)",
            "kills": f"{kills.total()}: {dict(kills.most_common())}",
            "other faults": dict(self.damage.others),
            "recovery": f"median {statistics.median(times):.1f} s, worst {max(times):.1f} s, "
            f"of {len(self.recovery.times_s)}; {self.recovery.unfinished} unfinished",
            "happened": ", ".join(f"{name} {n}" for name, n in self.happened.items()),
            "naive replay": "; ".join(self.remarks),
            "lost": self._count(
                "lost orders",
                "cancels without effect",
                "commands without their effect",
                "withdrawals lost or doubled",
                "deposits of the chain",
                "transfers lost or doubled",
                "custody off ledger",
            ),
            "doubled": self._count("doubled orders", "commands lost or doubled", "naive replay"),
        }
        for name, figure in rows.items():
            say(f"{name:<20} {figure}")
        for name, records in self.failures.items():
            if records:
                say(f"FAILED: {name} ({len(records)})")
                say("\n".join(f"    {record}" for record in records[:RECORDS_SHOWN_MAX]))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def carry_out(run: Run, folder: Path, *, keep: bool) -> int:
    """Exit status: 0 if nothing was wrong, and then nothing is left but where it is to be kept."""
    signal.signal(signal.SIGTERM, _interrupt)
    clean = False
    try:
        clean = run.go()
    finally:
        run.exchange.stop()
        if clean and not keep:
            shutil.rmtree(folder, ignore_errors=True)
    say("clean" if clean else f"FAILED with seed {run.options.seed}; see {run.exchange.data}/logs")
    return 0 if clean else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def add_options(parser: argparse.ArgumentParser) -> None:
    """That every run has."""
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--duration", type=int, default=600, help="seconds of load")
    parser.add_argument("--rate", type=float, default=25.0, help="requests per second, about")
    parser.add_argument("--within", type=float, default=60.0, help="seconds to recover in")
    parser.add_argument("--data", type=Path, default=None, help="kept afterwards")


def make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.chmod(0o755)  # Postgres runs as another user where we are root
    return folder
