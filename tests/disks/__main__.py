"""`python -m tests.disks`: each disk of an exchange is filled under load, and emptied again. Exit
status 1 and the offending records if it failed, 2 where nothing can be mounted, and nothing was
proven."""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.chaos.load import NO_ANSWER, Prober, Request
from tests.chaos.run import Log, Run, add_options, carry_out, make_folder, say
from tests.chaos.traders import Trader
from tests.disks.exchange import PARTS, DiskExchange
from tests.disks.faults import FULL_DISKS, FullDisk
from tests.disks.places import NoDisks
from tests.disks.sockets import SocketTrader

SAID_WITHIN_S = 120.0
LOOK_EVERY_S = 0.5
ENDINGS_MAX = 3  # a busy machine may be late with a pong; no full disk ends a socket


class Emptied:
    """What was done, for the figures."""

    def __init__(self) -> None:
        self.kills: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.log: list[str] = []


class DiskRun(Run):
    exchange: DiskExchange

    def _log(self) -> Log:
        self._done = Emptied()
        self.socket = SocketTrader(self.exchange.url, self.stop_load)
        return self._done

    @property
    def _callers(self) -> list[Trader | Prober | SocketTrader]:  # type: ignore[override]
        return [*super()._callers, self.socket]

    def _storm(self) -> None:
        self._wait_for_order("the first")
        for fault in FULL_DISKS:
            if not self.options.only or fault.name in self.options.only:
                self._fill(fault)

    def _fill(self, fault: FullDisk) -> None:
        before = self.exchange.process_ids()
        fault.before(self.exchange)
        disk = self.exchange.disks[fault.disk]
        began = time.monotonic()
        disk.fill()
        try:
            self._look_at(fault)
        finally:
            disk.empty()
        self._note(f"{fault.name}: full for {time.monotonic() - began:.0f} s")
        self._wait_for_order(f"after {fault.name}")
        after = self.exchange.process_ids()
        ended = {part for part in after if after[part] != before[part]}
        if not ended <= fault.ends:
            self._fail("parts that ended", f"{fault.name}: {ended - fault.ends}")
        if fault.command:
            status, said = self.exchange.manage(*fault.command, str(self.exchange.backups))
            if status:
                self._fail("commands afterwards", f"{fault.name}: {said}")
        self._done.others[fault.name] += 1

    def _look_at(self, fault: FullDisk) -> None:
        """For a while at least, and until it was said."""
        began = time.monotonic()
        missing = set(fault.says)
        while True:
            fault.meanwhile(self.exchange)
            status, problems = self.exchange.health()
            missing -= {words for words in missing if any(words in one for one in problems)}
            if fault.is_well and status != 200:
                self._fail("health", f"{fault.name}: {status} {problems}")
            lasts_s = time.monotonic() - began
            if (lasts_s > self.options.full and not missing) or lasts_s > SAID_WITHIN_S:
                break
            time.sleep(LOOK_EVERY_S)
        for words in missing:
            self._fail("health", f"{fault.name}: {words!r} was never said, but {problems}")
        if fault.command:
            status, said = self.exchange.manage(*fault.command, str(self.exchange.backups))
            self._note(f"{' '.join(fault.command)}: {said.strip()}")
            if status != 1 or "Traceback" in said or said.strip().count("\n"):
                self._fail("commands", f"{fault.name}: {status} {said}")

    def _wait_for_order(self, which: str) -> None:
        began = time.monotonic()
        self.recovery.kill()
        if not self.recovery.wait(self.options.within):
            self._fail("recovery", f"no order within {self.options.within:.0f} s {which}")
        self._note(f"an order went through after {time.monotonic() - began:.1f} s")

    def _note(self, text: str) -> None:
        self._done.log.append(text)
        say(text)

    def _check(self) -> None:
        super()._check()
        self.failures.pop("never happened", None)  # it lasts as long as disks take, not as asked
        self.failures["without an answer"] = [
            f"{request.kind} {request.key}: {attempt.body}"
            for request in self.requests
            for attempt in request.attempts
            if attempt.status == NO_ANSWER and _is_a_fault(request, str(attempt.body))
        ]
        logs = {part: self.exchange.data / "logs" / f"{part}.log" for part in PARTS}
        self.failures["ended without a word"] = [
            f"{part}: a traceback at {log}" for part, log in logs.items() if _has_traceback(log)
        ]
        self.failures["sockets that ended"] = self.socket.endings[ENDINGS_MAX:]
        self._note(f"sockets ended {self.socket.endings}, heard {self.socket.heard}")
        if not self.socket.heard:
            self._fail("feeds", "nothing was heard")


def _is_a_fault(request: Request, body: str) -> bool:
    """The played chain may be away, and a busy machine slow."""
    return request.kind != "send_in" and "Timeout" not in body


def _has_traceback(log: Path) -> bool:
    """As of whoever ends by it; those in a line of JSON are of one who went on."""
    return any(line.startswith("Traceback") for line in log.read_text().splitlines())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.disks", description=__doc__)
    add_options(parser)
    parser.add_argument("--full", type=float, default=10.0, help="seconds, at least, of each")
    parser.add_argument("--only", action="append", help="the name of a disk; all if not given")
    options = parser.parse_args()
    options.kills = 0
    folder = make_folder()
    try:
        exchange = DiskExchange(options.data or folder / "exchange")
    except NoDisks as why:
        say(f"not run, nothing proven: no disks can be mounted here: {why}")
        return 2
    return carry_out(DiskRun(options, exchange), folder, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
