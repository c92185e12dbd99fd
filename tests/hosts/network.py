"""Hosts with addresses of their own: network namespaces on one bridge. Needs root and iproute2.

Theory of operation. The bridge is in the namespace that the run is in, which is a place like the
others, `OUTSIDE`: whoever trades is there. A host that is taken down has its cable pulled. Two
places are kept apart by routes that lead nowhere, on both sides, so that neither hears an answer.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence

OUTSIDE = "outside"
SLOW = ("tbf", "rate", "400kbit", "burst", "8kb", "latency", "1500ms")


class NoNetwork(Exception):
    """Why there can't be one here."""


def _ip(*words: str, check: bool = True) -> None:
    done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NoNetwork(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Network:
    def __init__(self, names: Sequence[str]) -> None:
        if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("tc") is None:
            raise NoNetwork("it takes root, and ip and tc of iproute2")
        self._names = tuple(names)
        token = os.getpid() % 4096
        self._token = f"x{token:03x}"
        self._net = f"10.{64 + token // 256}.{token % 256}"
        self._apart: set[tuple[str, str]] = set()
        try:
            self._make()
        except BaseException:
            self.remove()
            raise

    def _make(self) -> None:
        bridge = self._token
        _ip("link", "add", "name", bridge, "type", "bridge")
        _ip("address", "add", f"{self.address(OUTSIDE)}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for name in self._names:
            space, cable = self._space(name), self._cable(name)
            _ip("netns", "add", space)
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", cable, "master", bridge, "up")
            _ip("-n", space, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")

    def _space(self, name: str) -> str:
        return f"{self._token}-{name}"

    def _cable(self, name: str) -> str:
        return f"{self._token}{name}"

    def address(self, name: str) -> str:
        number = 1 if name == OUTSIDE else 10 + self._names.index(name)
        return f"{self._net}.{number}"

    @property
    def addresses(self) -> str:
        """All of them, as a network."""
        return f"{self._net}.0/24"

    def command_at(self, name: str, command: Sequence[str]) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self._space(name)}", "--", *command]

    def processes_at(self, name: str) -> list[int]:
        pids = subprocess.run(
            ("ip", "netns", "pids", self._space(name)), capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in pids.stdout.split()]

    # -- what is done to it

    def take_down(self, name: str) -> None:
        _ip("link", "set", self._cable(name), "down")

    def bring_up(self, name: str) -> None:
        _ip("link", "set", self._cable(name), "up")

    def slow_down(self, name: str) -> None:
        """Both ways: what doesn't fit waits, and what would wait too long is lost."""
        for where, device in self._ends(name):
            subprocess.run((*where, "tc", "qdisc", "add", "dev", device, "root", *SLOW), check=True)

    def speed_up(self, name: str) -> None:
        for where, device in self._ends(name):
            subprocess.run((*where, "tc", "qdisc", "del", "dev", device, "root"), check=True)

    def _ends(self, name: str) -> tuple[tuple[list[str], str], ...]:
        return ([], self._cable(name)), (self.command_at(name, ()), "eth0")

    def divide(self, these: Iterable[str], others: Iterable[str]) -> None:
        """None of one side reaches any of the other."""
        for one in these:
            for other in others:
                self._apart |= {(one, other), (other, one)}
        self._lead_nowhere("add")

    def join(self) -> None:
        self._lead_nowhere("del")
        self._apart.clear()

    def _lead_nowhere(self, word: str) -> None:
        for one, other in sorted(self._apart):
            place = () if one == OUTSIDE else ("-n", self._space(one))
            _ip(*place, "route", word, "blackhole", f"{self.address(other)}/32")

    def remove(self) -> None:
        """What is there of it; processes in it are to be ended before."""
        for name in self._names:
            _ip("netns", "del", self._space(name), check=False)
            _ip("link", "del", self._cable(name), check=False)
        _ip("link", "del", self._token, check=False)
