"""Who is told how an engine's turns went. The engine knows no more of them."""

from collections.abc import Sequence
from typing import Protocol

from matching.runtime.reader import InputEntry


class TurnObserver(Protocol):
    def turned(
        self, market_id: str, entries: Sequence[InputEntry], age_s: float | None, turn_s: float
    ) -> None:
        """A market applied these and published; the oldest had waited ``age_s``."""

    def stands(self, market_id: str, is_running: bool) -> None:
        """With each heartbeat."""
