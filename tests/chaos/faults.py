"""What is done to the exchange, and when: drawn from the seed before the run starts."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import redis

from matching.messages.streams import COMMAND_FIELD, input_stream
from tests.chaos.exchange import Exchange
from tests.chaos.load import MARKETS
from tests.chaos.streams import Recorder

# What is killed, and how often relative to the others.
WEIGHTS = {
    "engine": 6,
    "worker": 5,
    "worker pool": 3,
    "api": 3,
    "api worker": 4,
    "redis": 5,
    "postgres": 4,
    "postgres backend": 5,
    "beat": 2,
    "prices": 2,
    "feeds": 1,
    "standby": 3,
    "chain": 4,
}
OFTEN = 30
RUBBISH_SHARE = 0.12  # extra faults that are no kill, per kill
WAIT_SHARE = 0.3  # of kills after which recovery is waited for


@dataclass(frozen=True)
class Step:
    """``after`` is a share of the run; ``waits``: until an order gets through again."""

    after: float
    fault: str
    waits: bool


def plan(seed: int, kills: int, *, wipe: bool, standby: bool = False) -> list[Step]:
    """Every part at least once where the kills suffice; rubbish and the wipe in between. Postgres
    more often where it has a standby."""
    rng = random.Random(f"plan {seed}")
    names = list(WEIGHTS)
    rng.shuffle(names)
    # A standby has to be started before it can be killed: the first call starts one.
    faults = ["standby start", *names[:kills]]
    weights = WEIGHTS | ({"postgres": OFTEN} if standby else {})
    faults += rng.choices(list(weights), list(weights.values()), k=max(0, kills - len(names)))
    others = ["rubbish"] * max(2, round(kills * RUBBISH_SHARE))
    others += ["standby start"] * max(1, kills // 10)  # a second one under the same name, too
    for other in others:
        faults.insert(rng.randint(1, len(faults)), other)
    if wipe:
        faults.insert(round(len(faults) * rng.uniform(0.35, 0.65)), "wipe")
    times = sorted(rng.random() for _ in faults)
    return [
        Step(after, fault, rng.random() < WAIT_SHARE)
        for after, fault in zip(times, faults, strict=True)
    ]


class Damage:
    """Carries out the steps and keeps their log."""

    def __init__(self, exchange: Exchange, recorder: Recorder, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.log: list[str] = []
        self._exchange = exchange
        self._recorder = recorder
        self._rng = random.Random(f"damage {seed}")
        self._began = time.monotonic()

    def do(self, fault: str) -> bool:
        """Answers whether something was killed. A part between two lives is waited for."""
        special: dict[str, Callable[[], None]] = {
            "rubbish": self._rubbish,
            "wipe": self._wipe,
            "standby start": self._exchange.start_standby,
        }
        if fault in special:
            special[fault]()
            self.others[fault] += 1
            self._note(fault)
            return False
        if fault == "prices":
            pid = self._kill_prices()
        elif fault == "postgres" and self._exchange.pair is not None:
            pid = self._exchange.pair.fail_over()
        elif fault == "standby":
            pid = self._exchange.kill_standby()
            if pid is None:
                self.do("standby start")
                time.sleep(self._rng.uniform(0.5, 4))
                pid = self._exchange.kill_standby()
        else:
            pid = self._kill(fault)
        if pid is None:
            self._note(f"{fault}: nothing to kill")
            return False
        self.kills[fault] += 1
        self._note(f"SIGKILL {fault} (pid {pid})")
        return True

    def _kill_prices(self) -> int | None:
        """The silence after it is sometimes long enough for the index to become stale."""
        silence_s = self._rng.choice((0.1, 3.0, 13.0))
        return self._exchange.kill_storm(silence_s)

    def _kill(self, fault: str) -> int | None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            victims = self._victims(fault)
            if victims:
                victim = self._rng.choice(victims)
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                return victim.pid
            time.sleep(0.05)
        return None

    def _victims(self, fault: str) -> list[psutil.Process]:
        children = {"worker pool": "worker", "api worker": "api", "postgres backend": "postgres"}
        if fault in children:
            return self._exchange.children_of(children[fault])
        main = self._exchange.main_of(fault)
        return [main] if main else []

    def _wipe(self) -> None:
        self._persistently(self._recorder.wipe_redis)

    def _rubbish(self) -> None:
        """Straight into an input stream, as nobody but the publisher should."""
        rng = self._rng
        pieces: list[dict[bytes | str, bytes | str]] = [
            {COMMAND_FIELD: rng.randbytes(rng.randint(0, 400))},
            {COMMAND_FIELD: json.dumps({"type": "OpenTheVault", "v": 1})},
            {COMMAND_FIELD: json.dumps([1, {"v": None}])},
            {COMMAND_FIELD: '{"type":"PlaceOrder","v":1,"order_id":'},
            {COMMAND_FIELD: '{"type":"PlaceOrder","v":1,"order_id":"7","price_ticks":-1}'},
            {COMMAND_FIELD: '{"type":"UpdateIndexPrice","v":99,"index_price_ticks":1}'},
            {COMMAND_FIELD: "[" * 5_000},
            {"other": "field", "and": "another"},
        ]
        market = rng.choice(list(MARKETS))
        chosen = rng.choices(pieces, k=rng.randint(1, 4))

        def send() -> None:
            with self._exchange.store() as client:
                for piece in chosen:
                    client.xadd(input_stream(market), piece)

        self._persistently(send)

    def _persistently(self, act: Callable[[], None]) -> None:
        """Redis may be between two lives."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return act()
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _note(self, text: str) -> None:
        self.log.append(f"{time.monotonic() - self._began:7.1f} s  {text}")
