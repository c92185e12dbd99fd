"""The threads that see to groups of calls. Everything that may wait for a server happens here.

The lane answers them. Those whose signature takes long come through the door first, a lane of the
same kind that finds out who sent them: it is looked at while the group before is at Postgres.
Replays are for the lane to find: groups at the door are of one or two, and a round trip to Redis
for each would cost more than all else about a key.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence

import structlog
from django.conf import settings
from django.db import connection

from common.metrics.measures import LANE_CALLS, LANE_DEATHS, LANE_SECONDS
from common.postgres.replica import remember_writes
from trading.intake.group import Call, answer_together, refusing

CALLS_MAX = 256  # of a group
# Longer than a worker's batch holds wallets, shorter than a request waits.
LOCK_TIMEOUT_MS = 2_000

log = structlog.get_logger(__name__)


class Lane:
    """Started once; ends when told to, after what it was given before."""

    def __init__(
        self,
        deliver: Callable[[Sequence[Call]], None],
        work: Callable[[Sequence[Call]], None] = answer_together,
        name: str = "intake",
    ) -> None:
        self._deliver = deliver
        self._work = work
        self._name = name
        self._seconds, self._sizes = LANE_SECONDS.labels(name), LANE_CALLS.labels(name)
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._prepared: object = None
        self._thread = self._start()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        thread.start()
        return thread

    def put(self, call: Call) -> None:
        self._calls.put(call)

    def put_all(self, calls: Sequence[Call]) -> None:
        for call in calls:
            self._calls.put(call)

    def keep_alive(self) -> None:
        """Start the thread again if it died. What waits is kept; what it had begun is not."""
        if not self._thread.is_alive():
            log.error("intake_lane_died", lane=self._name)
            LANE_DEATHS.labels(self._name).inc()
            self._thread = self._start()

    def stop(self, within_s: float) -> None:
        self._calls.put(None)
        self._thread.join(within_s)

    def _run(self) -> None:
        try:
            while (group := self._next_group()) is not None:
                began_s = time.perf_counter()
                self._answer([call for call in group if not call.given_up])
                self._deliver(group)
                self._seconds.observe(time.perf_counter() - began_s)
                self._sizes.observe(len(group))
        finally:
            connection.close()

    def _next_group(self) -> list[Call] | None:
        """All that wait, and at least one; None once there is nothing more to come."""
        first = self._calls.get()
        if first is None:
            return None
        group = [first]
        while len(group) < CALLS_MAX:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                self._calls.put(None)
                break
            group.append(call)
        return group

    def _answer(self, calls: Sequence[Call]) -> None:
        """Whatever happens, every call is answered."""
        with refusing(calls):
            self._prepare_connection()
            self._work(calls)
        remember_writes({call.user_id for call in calls if call.user_id})

    def _prepare_connection(self) -> None:
        """As Django does before a request; and nobody waits in here for long for one wallet.
        Behind a pooler it is the pool's limit, a second more."""
        connection.close_if_unusable_or_obsolete()
        if settings.POOLED:
            return
        if connection.connection is None or connection.connection is not self._prepared:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
            self._prepared = connection.connection
