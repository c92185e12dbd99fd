"""A connection to Redis on which commands are sent without waiting for the answers of those before.

Theory of operation. Redis answers the commands of a connection in their order, so whoever counts
what was sent knows which answer belongs to what. While Redis works on what was sent, the engine
matches on: that is all there is to gain, and it is half of the time a batch takes. What is lost is
the client's own recovery: a connection that breaks takes all open answers with it, and nobody
knows which of the commands took effect. The line then stands for nothing any more, the error is
raised, and the market recovers as after a crash.
"""

from typing import Any

import redis


class Line:
    """Of one thread. Opened by its first command, and again after it broke."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Any = None
        self.open_answers = 0

    def send(self, *command: Any) -> None:
        """Raises redis.RedisError; what was sent before counts as broken, too."""
        try:
            if self._connection is None:
                self._connection = self._client.connection_pool.get_connection()
            elif self._connection.should_reconnect():
                raise redis.ConnectionError("another master was named: this one takes nothing more")
            # No health check here: its answer would come between those that are open.
            self._connection.send_packed_command(
                self._connection.pack_command(*command), check_health=False
            )
        except BaseException:
            self.drop()
            raise
        self.open_answers += 1

    def receive(self) -> Any:
        """The answer to the oldest command that has none yet; an error that Redis answered is
        returned. Raises redis.RedisError where there will be no answer."""
        self.open_answers -= 1
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return error
        except BaseException:
            self.drop()
            raise

    def fileno(self) -> int:
        """Of the socket that open answers come from."""
        return int(self._connection._sock.fileno())

    def drop(self) -> None:
        """Forget open answers, and the connection that would bring them."""
        self.open_answers = 0
        if self._connection is not None:
            self._connection.disconnect()
            self._client.connection_pool.release(self._connection)
            self._connection = None
