"""What becomes of calls that arrived together: each is read, they are done, each is answered."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec
import structlog
from rest_framework.exceptions import NotAuthenticated

from accounts.access.authentication import token_user
from common.errors import DomainError
from common.http.bodies import read_body
from common.http.errors import error_headers, internal_error, to_api_error
from common.http.statuses import body_of, status_of
from common.limits.budgets import Standing
from trading.http.answers.orders import batch_answer, cancelling_answer, placed_answer
from trading.http.batches import NewOrders
from trading.http.items import batch_results, cancel_results, read_batch
from trading.http.limits import CallKind, spend_of, spend_of_strangers, too_many
from trading.intake.plain import Plain
from trading.orders.cancel import cancel_together
from trading.orders.place import PlacedOrder, Result, place_together
from trading.orders.request import NewOrder
from trading.selectors import OrderState

ORDERS_MAX = 500  # of a statement, and what comes with the last call

Asked = TypeVar("Asked")
Found = TypeVar("Found")

log = structlog.get_logger(__name__)
_request_log = logging.getLogger("django.request")


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True, eq=False)
class Call:
    """A request, read whole. ``given_up``: nobody waits for it any more."""

    request: Plain
    body: bytes
    origin: str  # the address that counts where nobody signed it
    given_up: bool = False
    answer: WrittenAnswer | None = None
    user_id: int = 0
    standing: Standing | None = None
    orders: list[NewOrder | DomainError] = field(default_factory=list)

    @property
    def news(self) -> list[tuple[int, NewOrder]]:
        return [(self.user_id, new) for new in self.orders if isinstance(new, NewOrder)]

    @property
    def cancels(self) -> list[tuple[int, int]]:
        return [(self.user_id, order_id) for order_id in self.request.order_ids]

    @property
    def cost(self) -> tuple[int, CallKind, int]:
        """Of whose budget, which, and how much of it. What can't be read costs one."""
        if self.request.order_ids:
            return self.user_id, CallKind.CANCELS, len(self.request.order_ids)
        return self.user_id, CallKind.ORDERS, max(1, len(self.orders))


def answer_together(calls: Sequence[Call]) -> None:
    for call in calls:
        with refusing([call]):
            _read(call)
    _limit([call for call in calls if call.user_id])
    _limit_strangers([call for call in calls if _is_a_strangers(call)])
    read = [call for call in calls if call.answer is None]
    placing = [call for call in read if not call.request.order_ids]
    _do(placing, lambda call: call.news, place_together, _placed)
    cancelling = [call for call in read if call.request.order_ids]
    _do(cancelling, lambda call: call.cancels, cancel_together, _cancelling)
    for call in calls:
        if call.answer is not None and call.standing is not None:
            call.answer.headers.update(call.standing.headers())


@contextmanager
def refusing(calls: Iterable[Call]) -> Iterator[None]:
    """Whatever fails inside is the answer of those that have none."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  as it says
        for call in calls:
            if call.answer is None:
                call.answer = _refusal(call, error)


def _read(call: Call) -> None:
    """The steps of a view, in their order: who sent it, then what."""
    user = token_user(call.request.authorization)
    if user is None:
        raise NotAuthenticated
    call.user_id = user.pk
    if call.request.order_ids:
        return
    if call.request.is_batch:
        call.orders = read_batch(read_body(call.body, NewOrders).orders)
    else:
        call.orders = [read_body(call.body, NewOrder)]


def _limit(calls: Sequence[Call]) -> None:
    """In one round trip; what is refused goes no further. A fault of ours limits nobody."""
    try:
        standings = spend_of([call.cost for call in calls])
    except Exception:
        log.exception("intake_not_limited")
        return
    for call, standing in zip(calls, standings, strict=True):
        _stand(call, standing, call.cost[1])


def _is_a_strangers(call: Call) -> bool:
    return call.answer is not None and call.answer.status == HTTPStatus.UNAUTHORIZED


def _limit_strangers(calls: Sequence[Call]) -> None:
    """Their answers are there: it is the next one that would cost as much."""
    try:
        standings = spend_of_strangers([call.origin for call in calls])
    except Exception:
        log.exception("intake_not_limited")
        return
    for call, standing in zip(calls, standings, strict=True):
        _stand(call, standing, "requests from this address")


def _stand(call: Call, standing: Standing | None, what: str) -> None:
    call.standing = standing
    if standing is not None and not standing.granted:
        error = too_many(what, standing)
        call.answer = refusal(call.request, error, {"Retry-After": str(standing.retry_s)})


def _do(
    calls: Sequence[Call],
    asked_by: Callable[[Call], list[Asked]],
    service: Callable[[list[Asked]], list[Found]],
    answer: Callable[[Call, list[Found]], WrittenAnswer],
) -> None:
    for part in _parts(calls):
        with refusing(part):
            asked = [asked_by(call) for call in part]
            results = iter(service(list(chain.from_iterable(asked))))
            for call, own in zip(part, asked, strict=True):
                found = list(islice(results, len(own)))
                with refusing([call]):
                    call.answer = answer(call, found)


def _parts(calls: Sequence[Call]) -> Iterator[list[Call]]:
    part: list[Call] = []
    orders = 0
    for call in calls:
        part.append(call)
        orders += len(call.orders) + len(call.request.order_ids)
        if orders >= ORDERS_MAX:
            yield part
            part, orders = [], 0
    if part:
        yield part


def _placed(call: Call, results: list[Result]) -> WrittenAnswer:
    if call.request.is_batch:
        return _batch(batch_results(call.orders, results))
    (result,) = results
    if not isinstance(result, PlacedOrder):
        raise result
    return _json(*placed_answer(result))


def _cancelling(call: Call, results: list[OrderState | Exception]) -> WrittenAnswer:
    if call.request.is_batch:
        return _batch(cancel_results(results))
    (result,) = results
    if isinstance(result, Exception):
        raise result
    return _json(HTTPStatus.ACCEPTED, cancelling_answer(result))


def _batch(results: Iterable[PlacedOrder | OrderState | DomainError]) -> WrittenAnswer:
    return _json(HTTPStatus.ACCEPTED, batch_answer(results))


def _json(status: int, body: Any) -> WrittenAnswer:
    return WrittenAnswer(int(status), msgspec.json.encode(body, enc_hook=str), {})


def _refusal(call: Call, fault: Exception) -> WrittenAnswer:
    """Never raises: it would be another call's fault then."""
    try:
        return _told(call, fault)
    except Exception:
        log.exception("intake_refusal_failed", path=call.request.path)
        error = internal_error()
        return WrittenAnswer(status_of(error), msgspec.json.encode(body_of(error)), {})


def _told(call: Call, fault: Exception) -> WrittenAnswer:
    error = to_api_error(fault)
    if error is None:
        log.error("intake_failed", path=call.request.path, exc_info=fault)
        error = internal_error()
    return refusal(call.request, error, error_headers(fault, error))


def refusal(request: Plain, error: DomainError, headers: dict[str, str]) -> WrittenAnswer:
    """Logged in Django's words, for whoever reads the logs."""
    level = logging.ERROR if status_of(error) >= 500 else logging.WARNING
    phrase = status_of(error).phrase
    _request_log.log(level, "%s: %s", phrase, request.path, extra={"status_code": status_of(error)})
    return WrittenAnswer(status_of(error), msgspec.json.encode(body_of(error)), headers)
