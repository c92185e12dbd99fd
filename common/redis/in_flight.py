"""Calls of Redis that are asked now and heard later; meanwhile Redis works, and so does whoever
asked.

For what many wait for: redis-py's client and pool cost Python more than such a call does. So a
connection is kept here from one call to the next. It stays its pool's, which says when it is to be
used no more, and makes another.
"""

import os
import select
from contextlib import suppress
from typing import Any

import redis


class InFlight:
    """A call, heard or dropped by whoever made it: until then the connection is its own."""

    def __init__(
        self, kept: "KeptConnections", pool: redis.ConnectionPool, connection: Any
    ) -> None:
        self._kept = kept
        self._pool = pool
        self._connection = connection

    def hear(self) -> Any:
        """Raises redis.RedisError, also for what Redis refused."""
        try:
            answer = self._connection.read_response()
        except BaseException:
            self.drop()
            raise
        self._kept.keep(self._pool, self._connection)
        return answer

    def drop(self) -> None:
        """An answer that came later would be taken for another call's."""
        _end(self._pool, self._connection)


class KeptConnections:
    """For all threads of a process."""

    def __init__(self) -> None:
        self._kept: list[tuple[redis.ConnectionPool, Any]] = []

    def ask(self, client: redis.Redis, *command: Any) -> InFlight:
        """Raises redis.RedisError."""
        pool = client.connection_pool
        call = InFlight(self, pool, self._connection_of(pool))
        try:
            call._connection.send_command(*command)
        except BaseException:
            call.drop()
            raise
        return call

    def keep(self, pool: redis.ConnectionPool, connection: Any) -> None:
        self._kept.append((pool, connection))

    def _connection_of(self, pool: redis.ConnectionPool) -> Any:
        while True:
            try:
                its_pool, connection = self._kept.pop()
            except IndexError:
                return pool.get_connection()
            if its_pool is pool and _is_fit(connection):
                return connection
            _end(its_pool, connection)


def _is_fit(connection: Any) -> bool:
    """Not another process's, not led elsewhere by now, and not ended by Redis."""
    if connection.pid != os.getpid() or connection.should_reconnect() or not connection._sock:
        return False
    news = select.poll()
    news.register(connection._sock, select.POLLIN)
    return not news.poll(0)


def _end(pool: redis.ConnectionPool, connection: Any) -> None:
    with suppress(redis.RedisError):
        connection.disconnect()
    pool.release(connection)
