"""Budgets that fill up steadily: so many at once, so many in the long run.

Theory of operation. This is the generic cell rate algorithm. A budget is one number, the time at
which it will be full again. Each request moves it on by what it costs, and is refused where that
would be more than a whole budget ahead of now; what is refused costs nothing. A script does this
for any number of budgets in one round trip, by the clock of Redis. While Redis is away the process
counts by itself, each process on its own.
"""

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
import structlog

from common.redis_client import limits_redis_client

LOCAL_MAX = 100_000  # budgets counted in the process
KEY = "limits:budget:{}"
BUDGET_HEADER = "X-RateLimit-Budget"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, and ``count`` in each ``period_s`` in the long run."""

    count: int
    period_s: int
    burst: int

    @property
    def interval_us(self) -> int:
        return self.period_s * 1_000_000 // self.count


@dataclass(frozen=True, slots=True)
class Ask:
    """``budget`` is its kind and whose it is, as in ``orders:42``."""

    budget: str
    rate: Rate
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of an ask, and how the budget stands after it. ``kind``: the first word of the
    budget's name, which is no one's; "" where it has none to tell."""

    limit: int
    remaining: int
    reset_s: int  # until it is full again
    retry_s: int  # until as much could be asked again; 0 for what was granted
    kind: str = field(default="", compare=False)

    @property
    def granted(self) -> bool:
        return self.retry_s == 0

    def headers(self) -> dict[str, str]:
        said = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_s),
        }
        return {**said, BUDGET_HEADER: self.kind} if self.kind else said


# Per budget: interval and room in µs, and cost. Answers by how much each is ahead of now, and
# whether it was granted. 64-bit floats keep µs exactly.
_SPEND = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answer = {}
for i, key in ipairs(KEYS) do
    local interval, room, cost = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i])
    local full_at = math.max(tonumber(redis.call('GET', key) or 0), now)
    local after = math.max(full_at + interval * cost, now)
    local granted = 0
    if after - now <= room then
        granted, full_at = 1, after
        local lasts_ms = math.ceil((after - now) / 1000) + 1
        redis.call('SET', key, string.format('%.0f', after), 'PX', string.format('%.0f', lasts_ms))
    end
    answer[2*i-1], answer[2*i] = full_at - now, granted
end
return answer
"""


def spend(asks: Sequence[Ask]) -> list[Standing]:
    """One by one, in their order. Never raises for a Redis that is away."""
    if not asks:
        return []
    numbers: list[int] = []
    for ask in asks:
        interval_us = ask.rate.interval_us
        numbers += (interval_us, interval_us * ask.rate.burst, ask.cost)
    try:
        script = limits_redis_client().register_script(_SPEND)
        found: Any = script(keys=[KEY.format(ask.budget) for ask in asks], args=numbers)
    except redis.RedisError as error:
        log.warning("limits_count_locally", error=str(error))
        found = [number for ask in asks for number in _local.spend(ask)]
    return [
        _standing(ask, ahead_us, bool(granted))
        for ask, ahead_us, granted in zip(asks, found[::2], found[1::2], strict=True)
    ]


def give_back(budget: str, rate: Rate) -> None:
    """What one request cost that turned out to be none of those counted."""
    spend([Ask(budget, rate, -1)])


def _standing(ask: Ask, ahead_us: int, granted: bool) -> Standing:
    interval_us, burst = ask.rate.interval_us, ask.rate.burst
    short_us = ahead_us + (ask.cost - burst) * interval_us
    return Standing(
        limit=burst,
        remaining=max(0, burst - -(-ahead_us // interval_us)),
        reset_s=-(-ahead_us // 1_000_000),
        retry_s=0 if granted else max(1, -(-short_us // 1_000_000)),
        kind=ask.budget.partition(":")[0],
    )


def _steady_us() -> int:
    """Of a clock that nobody sets back: who spent before would be refused for as long as that."""
    return time.monotonic_ns() // 1_000


class LocalBudgets:
    """The same in this process alone: budget → µs of its clock at which it is full."""

    def __init__(self, now_us: Callable[[], int] = _steady_us) -> None:
        self._now_us = now_us
        self._full_at_us: dict[str, int] = {}
        self._lock = threading.Lock()

    def spend(self, ask: Ask) -> tuple[int, bool]:
        now_us = self._now_us()
        interval_us = ask.rate.interval_us
        with self._lock:
            full_at_us = max(self._full_at_us.get(ask.budget, 0), now_us)
            after_us = max(full_at_us + interval_us * ask.cost, now_us)
            if after_us - now_us > interval_us * ask.rate.burst:
                return full_at_us - now_us, False
            if len(self._full_at_us) >= LOCAL_MAX and ask.budget not in self._full_at_us:
                self._make_room(now_us)
            self._full_at_us[ask.budget] = after_us
            return after_us - now_us, True

    def _make_room(self, now_us: int) -> None:
        """Those that are full again go; of the others at most half of what is counted stays, those
        that have longest to go: so it is done once in many."""
        spent = [(at, budget) for budget, at in self._full_at_us.items() if at > now_us]
        kept = heapq.nlargest(LOCAL_MAX // 2, spent)
        self._full_at_us = {budget: at for at, budget in kept}

    def standing(self, ask: Ask) -> Standing:
        return _standing(ask, *self.spend(ask))

    def forget(self) -> None:
        self._full_at_us.clear()


_local = LocalBudgets()
forget_local_budgets = _local.forget
