"""Answers as they are written, and calls of other protocols than ours, which write their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trading.orders.place import Result
from trading.selectors import OrderState


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    status: int
    body: bytes
    headers: dict[str, str]


class Tongue(Protocol):
    """How such a call, of `trading.intake.group`, is understood and answered: whoever makes one
    says who sent it and what it asks. Whatever the methods raise is told by `refused`."""

    def identify(self, call: Any) -> None: ...
    def read(self, call: Any) -> None: ...
    def placed(self, call: Any, results: Sequence[Result]) -> WrittenAnswer: ...
    def cancelling(self, call: Any, results: Sequence[OrderState | Exception]) -> WrittenAnswer: ...
    def refused(self, call: Any, fault: Exception) -> WrittenAnswer: ...
