"""When a stream is told next."""


class StreamTurn:
    """Each ``every_ms`` by the clock that its messages name. Once that was set back it comes at
    once: what is told waits for no clock to catch up."""

    def __init__(self, every_ms: int) -> None:
        self._every_ms = every_ms
        self._told_ms = -every_ms

    def has_come(self, now_ms: int) -> bool:
        return not self._told_ms <= now_ms < self._told_ms + self._every_ms

    def take(self, told_ms: int) -> None:
        self._told_ms = told_ms
