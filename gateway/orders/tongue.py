"""Calls that go through order intake, understood and answered in the venue's way.

A call is read twice: what it names on the loop, since that says which way it goes, and what it asks
by intake's threads, which may ask Postgres. What its answer shows is kept as orders, not as bytes:
engines may move them on before it is written (`gateway.orders.app`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
from django.db.models import Q

from common.errors import DomainError, ErrorCode
from gateway.asking.params import Params
from gateway.asking.signing import Signed, verify_signed
from gateway.orders.asked import BATCH_MAX, new_order, refusal_of, waits_for_result
from gateway.orders.finding import CONDITIONAL, PLAIN, named, one_of, remember_plain
from gateway.orders.leverage import ensure_set
from gateway.orders.shown import ShownOrder, algo_body, of_new, of_row, order_body
from gateway.words import errors
from gateway.words.errors import GatewayRefusal, VenueError, of_ending, of_reject
from gateway.words.symbols import market_of
from gateway.words.telling import of_fault
from markets.rules import MarketRules, market_rules
from matching.messages.events import CancelRejected, OutputEntry
from trading.intake.group import Call
from trading.intake.tongue import WrittenAnswer
from trading.orders.opening import from_blocked, opens
from trading.orders.place import PlacedOrder, Result
from trading.orders.request import NewOrder
from trading.selectors import OrderState


class VenueAct(StrEnum):
    PLACE = "place"
    PLACE_BATCH = "place_batch"
    PLACE_ALGO = "place_algo"
    CANCEL = "cancel"
    CANCEL_ALGO = "cancel_algo"

    @property
    def is_cancel(self) -> bool:
        return self in (VenueAct.CANCEL, VenueAct.CANCEL_ALGO)

    @property
    def is_algo(self) -> bool:
        return self in (VenueAct.PLACE_ALGO, VenueAct.CANCEL_ALGO)


Shown = ShownOrder | VenueError


@dataclass(slots=True)
class VenueCall:
    """One of them. ``unread``: why its parameters can't be told apart."""

    act: VenueAct
    signed: Signed
    unread: GatewayRefusal | None = None
    path: str = ""
    news: list[NewOrder | VenueError] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    # --- as `trading.intake.group` asks -----------------------------------------------------------

    def identify(self, call: Call) -> None:
        if self.unread is not None:
            raise self.unread
        user, call.spent = verify_signed(self.signed, call.address)
        call.user_id, call.scopes = user.pk, user.scopes

    def read(self, call: Call) -> None:
        params = self.signed.params
        if self.act.is_cancel:
            self._read_cancel(call, params)
            return
        if self.act is VenueAct.PLACE_BATCH:
            items = params.items("batchOrders", BATCH_MAX)
            self.news = [self._read_item(item) for item in items]
        else:
            if self.act is VenueAct.PLACE_ALGO:
                params.word("algoType", ("CONDITIONAL",))
            self.news = [new_order(params, is_algo=self.act.is_algo)]
        if call.is_blocked:
            self._refuse_what_opens()
        taken = [new for new in self.news if isinstance(new, NewOrder)]
        call.orders = list(taken)
        ensure_set((call.user_id, market_rules(new.market_id)) for new in taken if opens(new))
        if not self.act.is_algo:
            remember_plain(
                [(call.user_id, new.client_order_id or "") for new in taken if new.trigger]
            )

    def placed(self, call: Call, results: Sequence[Result]) -> WrittenAnswer:  # noqa: ARG002  as asked
        now_ms = time.time_ns() // 1_000_000
        found = iter(results)
        self.shown = [
            new if isinstance(new, VenueError) else _placed(next(found), new, now_ms)
            for new in self.news
        ]
        return self.written()

    def cancelling(
        self,
        call: Call,  # noqa: ARG002  as asked
        results: Sequence[OrderState | Exception],
    ) -> WrittenAnswer:
        (result,) = results
        if isinstance(result, Exception):
            raise result
        return self.written()

    def refused(self, call: Call, fault: Exception) -> WrittenAnswer:  # noqa: ARG002  as asked
        error = of_fault(fault, is_cancel=self.act.is_cancel, path=self.path)
        self.shown = [error]
        return _json(error.status, error.body())

    # --- how it is read ---------------------------------------------------------------------------

    def _read_cancel(self, call: Call, params: Params) -> None:
        kind: Q = CONDITIONAL if self.act.is_algo else PLAIN
        by_id, by_name = names_of(self.act)
        order = one_of(call.user_id, kind, *named(params, by_id, by_name))
        if not self.act.is_algo and market_of(params.required("symbol")).id != order.market_id:
            raise GatewayRefusal(errors.UNKNOWN_ORDER)
        if self.act.is_algo and order.triggered_at is not None:
            raise GatewayRefusal(errors.UNKNOWN_ORDER)
        self.shown = [of_row(order)]

    def _read_item(self, item: Any) -> NewOrder | VenueError:
        try:
            return new_order(Params.of_item(item))
        except GatewayRefusal as refusal:
            return refusal.error
        except DomainError as error:
            return errors.of_refusal(error)

    def _refuse_what_opens(self) -> None:
        for at, new in enumerate(self.news):
            if isinstance(new, NewOrder):
                (left,) = from_blocked([new])
                if isinstance(left, DomainError):
                    self.news[at] = errors.of_refusal(left)

    # --- how it is answered -----------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether its engine decides what is answered."""
        return self.act.is_cancel or (
            self.act in (VenueAct.PLACE, VenueAct.PLACE_BATCH) and self._asks_for_result()
        )

    def _asks_for_result(self) -> bool:
        """Of a batch any order may."""
        params = self.signed.params
        if self.act is VenueAct.PLACE_BATCH:
            return "RESULT" in params.values.get("batchorders", "")
        try:
            return waits_for_result(params)
        except GatewayRefusal:
            return False

    def move_on(self, by_order: Mapping[int, OutputEntry]) -> None:
        """By what engines decided of the orders that are shown."""
        for at, order in enumerate(self.shown):
            if isinstance(order, VenueError) or order.order_id not in by_order:
                continue
            rules = market_rules(order.market_id)
            heard = order.apply(by_order[order.order_id], rules.units_per_tick_lot)
            if self.act.is_cancel:
                if any(isinstance(event, CancelRejected) for event in heard):
                    self.shown[at] = errors.UNKNOWN_ORDER
            elif refused := _refused(order):
                self.shown[at] = refused

    def written(self) -> WrittenAnswer:
        if self.act is VenueAct.PLACE_BATCH:
            return _json(200, [_item(order) for order in self.shown])
        (order,) = self.shown
        if isinstance(order, VenueError):
            return _json(order.status, order.body())
        rules = market_rules(order.market_id)
        match self.act:
            case VenueAct.PLACE_ALGO:
                body = algo_body(order, rules)
            case VenueAct.CANCEL_ALGO:
                body = {
                    "algoId": order.order_id,
                    "clientAlgoId": order.client_order_id,
                    "code": "200",
                    "msg": "success",
                }
            case _:
                body = order_body(order, rules)
        return _json(200, body)


def names_of(act: VenueAct) -> tuple[str, str]:
    """The parameters that name an order: by our id, by the client's."""
    return ("algoId", "clientAlgoId") if act.is_algo else ("orderId", "origClientOrderId")


def _placed(result: Result, new: NewOrder, now_ms: int) -> Shown:
    rules: MarketRules = market_rules(new.market_id)
    if isinstance(result, PlacedOrder):
        if result.repeated:
            repeated = DomainError(ErrorCode.CLIENT_ORDER_ID_REUSED, "")
            return errors.of_refusal(repeated)
        return of_new(result.order_id, new, rules, now_ms)
    if isinstance(result, DomainError):
        return refusal_of(result, new, rules)
    return of_fault(result, is_cancel=False, path="/fapi/v1/order")


def _refused(order: ShownOrder) -> VenueError | None:
    """What an order that never did anything is answered with."""
    if order.reject_code is not None:
        return of_reject(order.reject_code)
    ending = order.unfilled_ending
    return None if ending is None else of_ending(ending)


def _item(order: Shown) -> dict[str, Any]:
    if isinstance(order, VenueError):
        return order.body()
    return order_body(order, market_rules(order.market_id))


def _json(status: int, body: Any) -> WrittenAnswer:
    return WrittenAnswer(int(status), msgspec.json.encode(body), {})
