"""① Calls of sockets that change what is there: amendments, cancels of all, countdowns.

The very services of the views, one after another: each takes a transaction of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from common.http.bodies import read_body
from markets.rules import market_rules
from matching.messages.vocabulary import Side
from trading.http.answers.answer import Answer
from trading.http.answers.orders import (
    amending_answer,
    batch_answer,
    cancelling_all_answer,
    countdown_answer,
)
from trading.http.batches import Amendments
from trading.http.items import amend_orders, amended, check_batch_size
from trading.http.limits import CallKind
from trading.intake.group import Call, limit, refusing, require_trading, say_standings, written
from trading.models import Order
from trading.orders.request import Amendment
from trading.services import cancel_all_orders, set_countdown

_NOTHING = Amendment()


def change_together(calls: Sequence[Call]) -> None:
    for call in calls:
        with refusing([call]):
            require_trading(call)
            if call.change is not None:
                call.change.read()
    limit(calls)
    for call in calls:
        if call.answer is None and call.change is not None:
            with refusing([call]):
                answer = call.change.make(call.user_id, is_blocked=call.is_blocked)
                call.changed = call.change.changed
                call.answer = written(HTTPStatus.ACCEPTED, answer)
    say_standings(calls)


@dataclass(slots=True)
class AmendCall:
    """``body``: JSON of `Amendment`."""

    body: bytes
    changed: list[int] = field(default_factory=list)
    _change: Amendment = _NOTHING

    @property
    def cost(self) -> tuple[CallKind, int]:
        return CallKind.ORDERS, 1

    def read(self) -> None:
        self._change = read_body(self.body, Amendment)

    def make(self, user_id: int, *, is_blocked: bool) -> Answer:
        order = amended(user_id, self._change, is_blocked=is_blocked)
        self.changed = [order.pk]
        return amending_answer(order)


@dataclass(slots=True)
class AmendBatch:
    """``body``: JSON of `Amendments`."""

    body: bytes
    changed: list[int] = field(default_factory=list)
    _changes: Sequence[Any] = ()

    @property
    def cost(self) -> tuple[CallKind, int]:
        return CallKind.ORDERS, max(1, len(self._changes))

    def read(self) -> None:
        self._changes = read_body(self.body, Amendments).orders
        check_batch_size("orders", len(self._changes))

    def make(self, user_id: int, *, is_blocked: bool) -> Answer:
        results = amend_orders(user_id, self._changes, is_blocked=is_blocked)
        self.changed = [result.pk for result in results if isinstance(result, Order)]
        return batch_answer(results)


@dataclass(frozen=True, slots=True)
class CancelAllCall:
    market_id: str | None
    side: Side | None
    protective: bool
    changed: list[int] = field(default_factory=list)

    @property
    def cost(self) -> tuple[CallKind, int]:
        return CallKind.CANCELS, 1

    def read(self) -> None:
        if self.market_id is not None:
            market_rules(self.market_id)

    def make(self, user_id: int, *, is_blocked: bool) -> Answer:  # noqa: ARG002  it opens nothing
        markets = cancel_all_orders(user_id, self.market_id, self.side, protective=self.protective)
        return cancelling_all_answer(markets, protective=self.protective)


@dataclass(frozen=True, slots=True)
class CountdownCall:
    market_id: str
    countdown_ms: int
    protective: bool
    changed: list[int] = field(default_factory=list)

    @property
    def cost(self) -> tuple[CallKind, int]:
        return CallKind.CANCELS, 1

    def read(self) -> None:
        """Its service judges it."""

    def make(self, user_id: int, *, is_blocked: bool) -> Answer:  # noqa: ARG002  it opens nothing
        command_id = set_countdown(
            user_id, self.market_id, self.countdown_ms, protective=self.protective
        )
        return countdown_answer(self.market_id, command_id, protective=self.protective)
