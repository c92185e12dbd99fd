"""One host: its processes, which are started again when they end, as a process manager does."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from exchange_site.embedded.bootstrap import ROOT
from exchange_site.embedded.processes import die_with_parent
from tests.hosts.network import Network

LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Program:
    command: Sequence[str]
    environment: Mapping[str, str]


class Host:
    """`is_on` until it is killed. A host whose cable is pulled is on, and alone."""

    def __init__(self, network: Network, name: str, logs: Path) -> None:
        self.name, self.address = name, network.address(name)
        self.is_on, self.has_cable = True, True
        self._network, self._logs = network, logs
        self._programs: dict[str, Program] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.RLock()

    @property
    def is_reachable(self) -> bool:
        return self.is_on and self.has_cable

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """From now on, for as long as the host is on."""
        with self._lock:
            self._programs[name] = Program(command, environment)
            self.look()

    def end(self, name: str) -> None:
        """With what it has started, at once."""
        with self._lock:
            self._programs.pop(name, None)
            process = self._running.pop(name, None)
            if process is not None:
                self._kill_session(process)

    def _kill_session(self, process: subprocess.Popen[bytes]) -> None:
        """Servers make sessions of their own for their children, which die with them."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def runs(self, name: str) -> bool:
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def look(self) -> None:
        """Starts what should run and doesn't."""
        with self._lock:
            if not self.is_on:
                return
            for name, program in self._programs.items():
                if not self.runs(name):
                    self._start(name, program)

    def _start(self, name: str, program: Program) -> None:
        with (self._logs / f"{self.name}-{name}.log").open("ab") as output:
            self._running[name] = subprocess.Popen(
                self._network.command_at(self.name, program.command),
                cwd=ROOT,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  one libc call, no locks
            )

    # -- what is done to it

    def kill(self) -> None:
        """All at once, as when the power fails."""
        with self._lock:
            self.is_on = False
            for pid in self._network.processes_at(self.name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self._running.values():
                process.wait()
            self._running.clear()

    def switch_on(self) -> None:
        with self._lock:
            self.is_on = True
            self.look()

    def pull_cable(self) -> None:
        self.has_cable = False
        self._network.take_down(self.name)

    def plug_in(self) -> None:
        self._network.bring_up(self.name)
        self.has_cable = True


class Janitor(threading.Thread):
    """Looks after all hosts until it is told to stop."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        super().__init__(name="janitor", daemon=True)
        self._hosts = hosts
        self._halt = threading.Event()
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._halt.wait(LOOK_EVERY_S):
                for host in self._hosts:
                    host.look()
        except BaseException as error:  # noqa: BLE001  the run fails with it
            self.fault = error

    def stop(self) -> None:
        self._halt.set()
        self.join()
