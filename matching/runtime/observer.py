"""Who is told how an engine's turns went. The engine knows no more of whoever counts them."""

from typing import Protocol


class TurnObserver(Protocol):
    def turned(self, market_id: str, commands: int, age_s: float | None, turn_s: float) -> None:
        """A market applied and published so many; its oldest had waited ``age_s``."""

    def stands(self, market_id: str, is_running: bool) -> None:
        """With each heartbeat."""


class Unobserved:
    def turned(self, market_id: str, commands: int, age_s: float | None, turn_s: float) -> None:
        pass

    def stands(self, market_id: str, is_running: bool) -> None:
        pass
