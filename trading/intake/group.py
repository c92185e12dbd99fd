"""What becomes of calls that arrived together: each is read, they are done, each is answered."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec
import structlog
from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import NotAuthenticated

from accounts.families.authentication import caller_of, refuse_account_with_key
from accounts.keys.authentication import refuse_both
from accounts.keys.known import known_keys
from accounts.keys.replays import Spent, replays
from accounts.keys.verifying import require_scope, verify
from common.errors import DomainError
from common.http.addresses import Address
from common.http.bodies import read_body
from common.http.errors import error_headers, internal_error, to_api_error
from common.http.statuses import body_of, status_of
from common.limits.budgets import Standing
from common.scopes import Scope
from trading.http.answers.orders import batch_answer, cancelling_answer, placed_answer
from trading.http.batches import NewOrders
from trading.http.items import batch_results, cancel_results, read_batch
from trading.http.limits import CallKind, spend_of, spend_of_strangers, too_many
from trading.intake.plain import Plain
from trading.orders.cancel import cancel_together
from trading.orders.opening import from_blocked
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
    address: Address | None = None
    is_blocked: bool = False  # the country it comes from
    given_up: bool = False
    answer: WrittenAnswer | None = None
    user_id: int = 0
    spent: Spent | None = None  # of a key
    scopes: frozenset[Scope] | None = None  # of a key
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


def identify_together(calls: Sequence[Call]) -> None:
    """Who sent each; a replay is refused."""
    _meet_keys(calls)
    for call in calls:
        with refusing([call]):
            _identify(call)
    _refuse_replayed([call for call in calls if call.spent is not None])


def answer_together(calls: Sequence[Call]) -> None:
    """Those that came through the door are identified by now."""
    identify_together([call for call in calls if not call.user_id and call.answer is None])
    for call in calls:
        if call.answer is None:
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


def _meet_keys(calls: Sequence[Call]) -> None:
    """Read in one query those that must be read. If that fails, each asks for its own."""
    signed = [call.request.signed for call in calls]
    try:
        known_keys.read([one.headers.public_id for one in signed if one is not None])
    except (OperationalError, InterfaceError) as error:
        log.warning("keys_unread", error=str(error))


def _identify(call: Call) -> None:
    """The steps of a view, in their order: first who sent it."""
    request, signed = call.request, call.request.signed
    if signed is None:
        user = caller_of(request.authorization, request.account)
        if user is None:
            raise NotAuthenticated
        call.user_id = user.pk
        return
    refuse_both(signed.headers, request.authorization)
    refuse_account_with_key(request.account)
    key_user, call.spent = verify(replace(signed, body=call.body), call.address)
    call.user_id, call.scopes = key_user.pk, key_user.scopes


def _refuse_replayed(calls: Sequence[Call]) -> None:
    """In one round trip. What is refused counts for its address, as if nobody had signed it."""
    with refusing(calls):
        spent = [call.spent for call in calls if call.spent is not None]
        for call, refused in zip(calls, replays.refuse(spent), strict=True):
            if refused is not None:
                call.user_id = 0
                call.answer = _refusal(call, refused)


def _read(call: Call) -> None:
    """What it asks."""
    if call.scopes is not None:
        require_scope(call.scopes, Scope.TRADE)
    if call.request.order_ids:
        return
    if call.request.is_batch:
        call.orders = read_batch(read_body(call.body, NewOrders).orders)
    else:
        call.orders = [read_body(call.body, NewOrder)]
    if call.is_blocked:
        call.orders = from_blocked(call.orders)
        if not call.request.is_batch and isinstance(call.orders[0], DomainError):
            raise call.orders[0]


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
    """Nobody's budget has counted it."""
    return call.answer is not None and not call.user_id


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
