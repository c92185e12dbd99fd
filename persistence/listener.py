"""⑤ Waits on ④, the output streams of all markets, and persists what arrives.

A stream is read from the market's cursor, so nothing between "read" and "persisted" has to be
remembered: whatever isn't behind the cursor is announced again. An entry that arrives while another
worker is at its market is announced until that worker's transaction, or this one's, has taken it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

import redis
import structlog
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)

from common.redis_client import redis_client
from matching.messages.streams import output_stream, streams_read
from persistence.faults import handle_fault
from persistence.models import MarketCursor
from persistence.projection.batch import PersistenceStopped
from persistence.reading import persist_market
from persistence.recovery.starting_points import ensure_starting_point
from persistence.worker_heartbeat import beat, stop_beating

BLOCK_MS = 500  # also how long a stop may take to be noticed
HOUSEKEEPING_SECONDS = 2.0  # between looks for new markets, and heartbeats
BUSY_SECONDS = 0.01
RETRY_SECONDS = (0.25, 5.0)  # first and longest pause after a fault

log = structlog.get_logger(__name__)


class OutputStreamListener:
    """A thread in a Celery worker. Survives Postgres and Redis being away."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="output-listener", daemon=True)
        self._cursors: dict[str, int] = {}
        self._resting: dict[str, float] = {}  # market → not before this time
        self._pauses: dict[str, float] = {}  # market → the last pause its fault got
        self._resting_for: dict[str, str] = {}  # market → the fault that nobody foresaw
        self._next_housekeeping = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Returns when the entries in hand are committed or rolled back."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        pause, longest = RETRY_SECONDS
        reported = ""
        while not self._stopping.is_set():
            try:
                self._listen_once()
            except Exception as error:  # noqa: BLE001  a listener must outlive every fault
                reported = self._report(error, reported)
                self._next_housekeeping = 0.0
                close_old_connections()
                self._stopping.wait(pause)
                pause = min(pause * 2, longest)
            else:
                if reported:
                    log.info("listener_recovered", node=self._node)
                pause, reported = RETRY_SECONDS[0], ""
        self._leave()

    def _report(self, error: Exception, reported: str) -> str:
        """One line per fault, however often it is met; a traceback where nobody expected it."""
        kind = type(error).__name__
        if kind != reported:
            expected = isinstance(error, redis.RedisError | DatabaseError | InterfaceError)
            why = str(error).partition("\n")[0]
            log.error("listener_fault", fault=kind, why=why, exc_info=not expected)
        return kind

    def _leave(self) -> None:
        connections.close_all()
        try:
            stop_beating(redis_client(), self._node)
        except redis.RedisError as error:
            log.warning("worker_heartbeat_left", node=self._node, why=str(error))

    def _listen_once(self) -> None:
        now = time.monotonic()
        if now >= self._next_housekeeping:
            beat(redis_client(), self._node)
            self._cursors = dict(MarketCursor.objects.values_list("market_id", "seq"))
            for market_id in self._cursors:
                self._attempt(market_id, partial(ensure_starting_point, market_id))
            self._next_housekeeping = now + HOUSEKEEPING_SECONDS
        self._resting = {m: until for m, until in self._resting.items() if until > now}
        streams = {
            output_stream(market_id): market_id
            for market_id in self._cursors
            if market_id not in self._resting
        }
        soonest = min(self._resting.values(), default=now + BLOCK_MS / 1000)
        block_ms = max(1, min(BLOCK_MS, int((soonest - now) * 1000)))
        if not streams:
            self._stopping.wait(block_ms / 1000)
            return
        # COUNT 1: only news of something is wanted here; the batch is read under the lock.
        positions = {stream: f"{self._cursors[market]}-0" for stream, market in streams.items()}
        try:
            announced = redis_client().xread(positions, count=1, block=block_ms)  # type: ignore[arg-type]
        except redis.ResponseError as error:
            self._rest_unreadable(streams, error)
            return
        for name in streams_read(announced):
            market_id = streams[name.decode()]
            self._attempt(market_id, partial(self._persist, market_id))

    def _rest_unreadable(self, streams: Mapping[str, str], error: redis.ResponseError) -> None:
        """One key that is no stream fails the read of all: the others are read without it."""
        pipe = redis_client().pipeline(transaction=False)
        for stream in streams:
            pipe.type(stream)
        kinds = pipe.execute()
        found = [
            market_id
            for market_id, kind in zip(streams.values(), kinds, strict=True)
            if kind not in (b"stream", b"none")
        ]
        if not found:
            raise error
        for market_id in found:
            self._rest(market_id, error)

    def _attempt(self, market_id: str, step: Callable[[], None]) -> None:
        """What nobody foresaw of one market rests that market. Raises where Redis or Postgres is
        away for all."""
        try:
            step()
        except redis.ResponseError as error:
            self._rest(market_id, error)
        except (redis.RedisError, OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            self._rest(market_id, error)

    def _rest(self, market_id: str, error: Exception) -> None:
        """One log line per fault, however often it is met."""
        kind = type(error).__name__
        if self._resting_for.get(market_id) != kind:
            log.error("listener_rests_market", market=market_id, fault=kind, exc_info=error)
        self._resting_for[market_id] = kind
        self._resting[market_id] = time.monotonic() + self._next_pause(market_id)

    def _next_pause(self, market_id: str) -> float:
        first, longest = RETRY_SECONDS
        pause = min(self._pauses.get(market_id, first / 2) * 2, longest)
        self._pauses[market_id] = pause
        return pause

    def _persist(self, market_id: str) -> None:
        try:
            reached = persist_market(market_id, should_stop=self._stopping.is_set)
        except PersistenceStopped as fault:
            handle_fault(fault)
            self._resting[market_id] = time.monotonic() + self._next_pause(market_id)
            return
        except LookupError:
            self._cursors.pop(market_id, None)  # the market is gone
            return
        self._pauses.pop(market_id, None)
        self._resting_for.pop(market_id, None)
        if reached is None:
            self._resting[market_id] = time.monotonic() + BUSY_SECONDS
        else:
            self._cursors[market_id] = reached
