"""How often this process asks Redis something and waits for the answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis


@contextmanager
def round_trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Each time a connection to Redis sends something."""
    sent: list[str] = []
    send = redis.connection.AbstractConnection.send_packed_command

    def counted(self: Any, command: Any, check_health: bool = True) -> Any:
        sent.append(str(command))
        return send(self, command, check_health)

    with monkeypatch.context() as patch:
        patch.setattr(redis.connection.AbstractConnection, "send_packed_command", counted)
        yield sent
