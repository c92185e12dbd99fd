"""The exchange's time, as far as this machine can tell.

A signature counts for some seconds by the exchange's clock, so a clock that is off has every
request refused. The refusal names the exchange's time; from then on the difference is added.
"""

import threading
import time
from collections.abc import Callable


class ExchangeClock:
    """`next_ms` never gives a time twice, so that two equal requests are never one signature."""

    def __init__(self, local_ms: Callable[[], int] | None = None) -> None:
        self._local_ms = local_ms or (lambda: time.time_ns() // 1_000_000)
        self._lock = threading.Lock()
        self._ahead_ms = 0  # of the exchange's clock, before this machine's
        self._last_ms = 0

    @property
    def ahead_ms(self) -> int:
        return self._ahead_ms

    def now_ms(self) -> int:
        return self._local_ms() + self._ahead_ms

    def next_ms(self) -> int:
        with self._lock:
            self._last_ms = max(self.now_ms(), self._last_ms + 1)
            return self._last_ms

    def set_by(self, server_time_ms: int) -> None:
        with self._lock:
            self._ahead_ms = server_time_ms - self._local_ms()
            self._last_ms = self.now_ms()
