"""Waits that grow with every guess at a secret, until it is right.

An attempt counts before its password is looked at, so that guesses that come at once are counted
like those that come in turn. After ``free`` of them the next has to wait `FIRST_WAIT_S`, and twice
as long after each that follows, `LONGEST_WAIT_S` at most. Who comes too early is refused without
counting. A right password starts over; nobody asking for `FORGOTTEN_AFTER_S` does, too.
"""

import threading
import time
from typing import Any

import redis
import structlog

from common.redis_client import request_redis_client

FIRST_WAIT_S = 32
LONGEST_WAIT_S = 900
FORGOTTEN_AFTER_S = 3_600
LOCAL_MAX = 100_000
KEY = "limits:wait:{}"

log = structlog.get_logger(__name__)

_ATTEMPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'attempts', 'until')
local attempts, wait_until = tonumber(known[1] or 0), tonumber(known[2] or 0)
if now < wait_until then return wait_until - now end
attempts = attempts + 1
local free, first, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
wait_until = 0
if attempts >= free then wait_until = now + math.min(longest, first * 2 ^ (attempts - free)) end
redis.call('HSET', KEYS[1], 'attempts', attempts, 'until', string.format('%.0f', wait_until))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
"""


def attempt(guess: str, free: int) -> int:
    """Seconds to wait before the next guess of this kind; 0 counts one. Never raises for a Redis
    that is away."""
    try:
        script = request_redis_client().register_script(_ATTEMPT)
        bounds_ms = [s * 1_000 for s in (FIRST_WAIT_S, LONGEST_WAIT_S, FORGOTTEN_AFTER_S)]
        wait_ms: Any = script(keys=[KEY.format(guess)], args=[free, *bounds_ms])
    except redis.RedisError as error:
        log.warning("limits_count_locally", error=str(error))
        wait_ms = _local.attempt(guess, free)
    return -(-int(wait_ms) // 1_000)


def start_over(guess: str) -> None:
    _local.start_over(guess)
    try:
        request_redis_client().delete(KEY.format(guess))
    except redis.RedisError as error:
        log.warning("limits_count_locally", error=str(error))


class _Local:
    """The same in this process: guess → attempts, and the Unix ms until which the next waits."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def attempt(self, guess: str, free: int) -> int:
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            attempts, until_ms = self._known.get(guess, (0, 0))
            if now_ms < until_ms:
                return until_ms - now_ms
            if len(self._known) >= LOCAL_MAX:
                self._known.clear()
            attempts += 1
            until_ms = 0
            if attempts >= free:
                doublings = min(attempts - free, LONGEST_WAIT_S.bit_length())
                until_ms = now_ms + min(LONGEST_WAIT_S, FIRST_WAIT_S << doublings) * 1_000
            self._known[guess] = attempts, until_ms
            return 0

    def start_over(self, guess: str) -> None:
        self._known.pop(guess, None)

    def forget(self) -> None:
        self._known.clear()


_local = _Local()
forget_local_waits = _local.forget
