"""Reads that may be a moment old, from a streaming replica (``REPLICA_URL``).

Theory of operation. A request that only reads lists and history says so
(`reading_what_may_be_old`); the router then sends its queries of `MAY_BE_OLD` to the replica, if
that is fit for this reader:

    it is near     it has replayed all that the primary had written `LAG_MAX_S` ago, by samples
                   that this process took of the primary itself. No clock of the replica is asked,
                   and one that is cut off from its primary falls behind by this measure, too
    it knows him   it has replayed the reader's own last write. Where in the WAL that was is kept
                   in Redis by whoever wrote (`remember_writes`), before the writer is answered

Whatever can't be told (Redis away, the replica away) means the primary. A replica that fails is
left alone for `AWAY_FOR_S`, and what it failed at is read again from the primary
(`exchange_site.edge.old_reads`). Who somebody is, and what he may, is never read here.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.models import Model
from redis import RedisError

from common.redis_client import request_redis_client

REPLICA = "replica"
MAY_BE_OLD = frozenset({"trading", "ledger", "persistence"})  # labels of apps
LAG_MAX_S = 5.0
SAMPLE_EVERY_S = 0.5
AWAY_FOR_S = 5.0
REMEMBERED_S = 600  # a replica that is further behind isn't near

_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
_REPLAYED = "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint"

log = structlog.get_logger(__name__)


class OldRead:
    """One request's, decided as it asks its first query, when it is known whose it is."""

    def __init__(self, reader: Callable[[], int | None]) -> None:
        self._reader = reader
        self._alias = ""

    @property
    def alias(self) -> str:
        if not self._alias:
            self._alias = REPLICA if _is_fit(self._reader()) else DEFAULT_DB_ALIAS
        return self._alias

    @property
    def came_from_replica(self) -> bool:
        return self._alias == REPLICA


_reading: ContextVar[OldRead | None] = ContextVar("old_read", default=None)


@contextmanager
def reading_what_may_be_old(read: OldRead) -> Iterator[None]:
    token = _reading.set(read)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def reading_now() -> Iterator[None]:
    """From the primary, whatever the request said: beside what only the primary can have."""
    token = _reading.set(None)
    try:
        yield
    finally:
        _reading.reset(token)


class ReplicaRouter:
    """Django's. Whatever is written goes to the primary, also of rows that came from a replica."""

    def db_for_read(self, model: type[Model], **_: Any) -> str:
        read = _reading.get()
        if read is None or model._meta.app_label not in MAY_BE_OLD:
            return DEFAULT_DB_ALIAS
        return read.alias

    def db_for_write(self, _model: type[Model], **_: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, _one: Model, _other: Model, **_: Any) -> bool:
        return True  # they are the same rows

    def allow_migrate(self, db: str, *_: Any, **__: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


# --- what readers wrote ---------------------------------------------------------------------------


def remember_writes(user_ids: Collection[int]) -> None:
    """After the commit, before they are answered. Costs nothing where there is no replica."""
    if not settings.REPLICA_URL or not user_ids:
        return
    try:
        written = _ask(DEFAULT_DB_ALIAS, _WRITTEN)
        pipe = request_redis_client().pipeline(transaction=False)
        for user_id in user_ids:
            pipe.set(_key(user_id), written, ex=REMEMBERED_S)
        pipe.execute()
    except (DatabaseError, InterfaceError, RedisError) as error:
        log.warning("write_not_remembered", why=str(error).partition("\n")[0])


def _key(user_id: int) -> str:
    return f"replica:wrote:{user_id}"


def _written_by(user_id: int) -> int:
    """Raises RedisError."""
    found: Any = request_redis_client().get(_key(user_id))
    return int(found or 0)


# --- whether it is fit ----------------------------------------------------------------------------


class _Nearness:
    """How far the replica is, as this process knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: deque[tuple[float, int]] = deque()  # by the primary: when, and how far
        self._replayed = 0
        self._sampled_s = float("-inf")
        self._away_until_s = float("-inf")

    def has(self, written: int) -> bool:
        """Raises DatabaseError or InterfaceError."""
        with self._lock:
            now_s = time.monotonic()
            if now_s < self._away_until_s:
                return False
            if now_s - self._sampled_s >= SAMPLE_EVERY_S:
                self._sample(now_s)
            elif self._replayed < written:
                self._replayed = _ask(REPLICA, _REPLAYED)
            return self._replayed >= max(written, self._written[0][1])

    def _sample(self, now_s: float) -> None:
        self._written.append((now_s, _ask(DEFAULT_DB_ALIAS, _WRITTEN)))
        while self._written[0][0] < now_s - LAG_MAX_S:
            self._written.popleft()
        self._replayed = _ask(REPLICA, _REPLAYED)
        self._sampled_s = now_s

    def leave_alone(self, why: str) -> None:
        with self._lock:
            self._away_until_s = time.monotonic() + AWAY_FOR_S
        connections[REPLICA].close()
        log.warning("replica_left_alone", why=why)


_nearness = _Nearness()


def leave_replica_alone(why: str) -> None:
    """For a while: it failed."""
    _nearness.leave_alone(why)


def _is_fit(user_id: int | None) -> bool:
    try:
        return _nearness.has(_written_by(user_id) if user_id is not None else 0)
    except RedisError:
        return False
    except (DatabaseError, InterfaceError) as error:
        leave_replica_alone(str(error).partition("\n")[0])
        return False


def _ask(alias: str, question: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute(question)
        (answer,) = cursor.fetchone()
    return int(answer or 0)
