"""What is done to hosts and their network, and when: drawn from the seed before the run starts."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.hosts.exchange import HOSTS, HostsExchange
from tests.hosts.network import OUTSIDE

# What is done, and how often relative to the others.
WEIGHTS = {"kill": 4, "cut": 4, "slow": 2, "halves": 2}
LASTS_S = {"kill": (2.0, 14.0), "cut": (2.0, 14.0), "slow": (4.0, 12.0), "halves": (4.0, 12.0)}


@dataclass(frozen=True)
class HostFault:
    """``after`` and ``until`` are shares of the run; ``hosts`` are those that it happens to."""

    kind: str
    hosts: tuple[str, ...]
    after: float
    until: float


def host_plan(seed: int, count: int, lasts_s: float) -> list[HostFault]:
    """One thing at a time happens to a host, but several hosts may be hurt at once. Every kind of
    host is killed, and cut off, where the count suffices; halves are of all hosts, and whoever is
    outside may be on either side."""
    rng = random.Random(f"hosts {seed}")
    hosts: tuple[str, ...]
    kinds = [kind for kind in ("kill", "cut") for _ in range(5)] + ["halves", "slow", "halves"]
    kinds += rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=max(0, count - len(kinds)))
    families = ["api", "eng", "wrk", "red", "pg"]
    victims = [rng.choice([h for h in HOSTS if h.startswith(f)]) for f in (*families, *families)]
    faults: list[HostFault] = []
    for number, kind in enumerate(kinds[:count]):
        after = rng.uniform(number, number + 1) / count
        until = min(1.0, after + rng.uniform(*LASTS_S[kind]) / lasts_s)
        if kind == "halves":
            half = rng.sample(HOSTS, len(HOSTS) // 2)
            hosts = (*half, OUTSIDE) if rng.random() < 0.5 else tuple(half)
        else:
            hosts = (victims.pop(0) if victims else rng.choice(HOSTS),)
        if _is_apart(kind, hosts, after, faults):
            faults.append(HostFault(kind, hosts, after, until))
    return faults


def _is_apart(kind: str, hosts: tuple[str, ...], after: float, faults: list[HostFault]) -> bool:
    """From what happens to the same host then, or to the whole network."""
    now = [fault for fault in faults if fault.until > after]
    of_network = kind == "halves" and any(fault.kind == "halves" for fault in now)
    of_host = kind != "halves" and any(fault.hosts == hosts for fault in now)
    return not of_network and not of_host


class HostDamage:
    """Carries out the plan and keeps its log."""

    def __init__(self, exchange: HostsExchange) -> None:
        self.kills: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.log: list[str] = []
        self._exchange = exchange
        self._began = time.monotonic()

    def begin(self, fault: HostFault) -> None:
        network, (name, *_) = self._exchange.network, fault.hosts
        host = self._exchange.hosts.get(name)
        others = [place for place in (*HOSTS, OUTSIDE) if place not in fault.hosts]
        acts: dict[str, Callable[[], None]] = {
            "slow": lambda: network.slow_down(name),
            "halves": lambda: network.divide(fault.hosts, others),
        }
        if host is not None:
            acts |= {"kill": host.kill, "cut": host.pull_cable}
        acts[fault.kind]()
        kinds = self.kills if fault.kind == "kill" else self.others
        kinds[fault.kind if fault.kind == "halves" else f"{fault.kind} {name.rstrip('123')}"] += 1
        self._note(f"{fault.kind} {' '.join(fault.hosts)}")

    def heal(self, fault: HostFault) -> None:
        network, (name, *_) = self._exchange.network, fault.hosts
        host = self._exchange.hosts.get(name)
        acts: dict[str, Callable[[], None]] = {
            "slow": lambda: network.speed_up(name),
            "halves": network.join,
        }
        if host is not None:
            acts |= {"kill": host.switch_on, "cut": host.plug_in}
        acts[fault.kind]()
        self._note(f"healed: {fault.kind} {' '.join(fault.hosts)}")

    def _note(self, text: str) -> None:
        promotions = self._exchange.keeper.promotions if self._exchange.keeper else 0
        self.log.append(f"{time.monotonic() - self._began:7.1f} s  {text} (promoted {promotions})")
