"""Questions that wait on several servers at once, each on a line of its own.

Of streams that one server has one call waits for all. In a cluster each slot is asked for itself:
the question waits at its server, and here all lines are waited on together. One that has no answer
yet stays open, and is not asked again. A server that says nothing at all is found out by the line's
own timeout, once the question should have been answered.
"""

import select
import time
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import redis

from matching.runtime.line import Line

QUESTION_WAITS_MS = 1_000  # at its server
_OVERDUE_S = QUESTION_WAITS_MS / 1_000 + 2.0

Command = Sequence[Any]


class Lines:
    """Of one thread. A key names who is asked, and has at most one question open."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, Line] = {}
        self._asked_at: dict[Hashable, float] = {}

    def is_open(self, key: Hashable) -> bool:
        return key in self._asked_at

    def ask(self, key: Hashable, server: redis.Redis, commands: Sequence[Command]) -> None:
        """Raises redis.RedisError."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(server)
        for command in commands:
            line.send(*command)
        self._asked_at[key] = time.monotonic()

    def wait(self, timeout_s: float) -> list[Hashable]:
        """Whose answers have come, or are overdue; nobody's after so long."""
        lines = {self._lines[key].fileno(): key for key in self._asked_at}
        poll = select.poll()
        for fileno in lines:
            poll.register(fileno, select.POLLIN)
        ready = [lines[fileno] for fileno, _ in poll.poll(max(0.0, timeout_s) * 1_000)]
        late = time.monotonic() - _OVERDUE_S
        return ready or [key for key, asked_at in self._asked_at.items() if asked_at < late]

    def take(self, key: Hashable) -> list[Any]:
        """All answers to what it was asked; a refusal is among them. Raises redis.RedisError."""
        del self._asked_at[key]
        line = self._lines[key]
        return [line.receive() for _ in range(line.open_answers)]

    def drop(self, key: Hashable) -> None:
        """Forget its question, if one is open, and whatever would have been the answer."""
        if self._asked_at.pop(key, None) is not None:
            self._lines.pop(key).drop()

    def keep(self, keys: Collection[Hashable]) -> None:
        """Only these are asked from now on."""
        for key in self._lines.keys() - set(keys):
            self._asked_at.pop(key, None)
            self._lines.pop(key).drop()

    def drop_all(self) -> None:
        self._asked_at.clear()
        for line in self._lines.values():
            line.drop()
        self._lines.clear()
