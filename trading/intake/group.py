"""What becomes of calls that arrived together: each is read, they are done, each is answered."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import NotAuthenticated

from accounts.families.authentication import caller_of, refuse_account_with_key
from accounts.keys.authentication import refuse_both
from accounts.keys.known import known_keys
from accounts.keys.replays import Question, Spent, replays
from accounts.keys.verifying import require_scope, verify
from common.errors import DomainError
from common.http.addresses import Address
from common.http.bodies import read_body
from common.http.errors import error_headers, internal_error, to_api_error
from common.http.statuses import body_of, status_of
from common.limits.budgets import Standing
from common.scopes import Scope
from markets.rules import MarketRules, market_rules
from trading.http.answers.answer import Answer
from trading.http.answers.orders import batch_answer, cancelling_answer, placed_answer
from trading.http.answers.results import OrderResult
from trading.http.answers.waits import awaited, known_results
from trading.http.batches import NewOrders
from trading.http.items import batch_results, cancel_results, read_batch
from trading.http.limits import CallKind, spend_of, spend_of_strangers, too_many
from trading.intake.plain import Plain
from trading.intake.tongue import Tongue, WrittenAnswer
from trading.orders.cancel import cancel_together
from trading.orders.opening import from_blocked
from trading.orders.place import PlacedOrder, Result, place_together
from trading.orders.request import NewOrder, OrderToPlace
from trading.selectors import OrderState, order_ids_named

ORDERS_MAX = 500  # of a statement, and what comes with the last call

Asked = TypeVar("Asked")
Found = TypeVar("Found")

log = structlog.get_logger(__name__)
_request_log = logging.getLogger("django.request")


class ChangeCall(Protocol):
    """What a call does that is neither placing nor cancelling by ids."""

    @property
    def cost(self) -> tuple[CallKind, int]: ...
    def read(self) -> None: ...
    def make(self, user_id: int, *, is_blocked: bool) -> Answer: ...
    @property
    def changed(self) -> list[int]:
        """Orders that were amended by it."""


@dataclass(slots=True, eq=False)
class Call:
    """A request, read whole. ``given_up``: nobody waits for it any more.

    A socket's has its ``user_id`` from the beginning, and where a key signed in, ``by_key``, which
    says what the key may by now or raises DomainError; how it waits is said beside its order, which
    ``is_bare``. ``awaited`` and ``results``: what its answer
    is to wait for, where it asks to, and what is known without; ``placed`` and ``changed``: orders
    that were committed, and those that are on their way to be cancelled or amended.
    """

    request: Plain
    body: bytes
    origin: str  # the address that counts where nobody signed it
    address: Address | None = None
    is_blocked: bool = False  # the country it comes from
    user_id: int = 0
    by_key: Callable[[], frozenset[Scope]] | None = None
    is_bare: bool = False
    change: ChangeCall | None = None
    tongue: Tongue | None = None
    given_up: bool = False
    answer: WrittenAnswer | None = None
    spent: Spent | None = None  # of a key
    scopes: frozenset[Scope] | None = None  # of a key
    standing: Standing | None = None
    orders: list[NewOrder | DomainError] = field(default_factory=list)
    order_ids: list[int] = field(default_factory=list)
    waits: bool = False
    awaited: dict[int, MarketRules] = field(default_factory=dict)
    results: dict[int, OrderResult] = field(default_factory=dict)
    placed: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    arrived_ns: int = field(default_factory=time.time_ns)

    def __post_init__(self) -> None:
        self.order_ids = list(self.request.order_ids)

    @property
    def news(self) -> list[tuple[int, NewOrder]]:
        return [(self.user_id, new) for new in self.orders if isinstance(new, NewOrder)]

    @property
    def is_cancel(self) -> bool:
        return bool(self.request.order_ids or self.request.client_order_ids)

    @property
    def cancels(self) -> list[tuple[int, int]]:
        return [(self.user_id, order_id) for order_id in self.order_ids]

    @property
    def cost(self) -> tuple[int, CallKind, int]:
        """Of whose budget, which, and how much of it. What can't be read costs one."""
        if self.change is not None:
            return self.user_id, *self.change.cost
        if self.is_cancel:
            named = self.request.order_ids or self.request.client_order_ids
            return self.user_id, CallKind.CANCELS, len(named)
        return self.user_id, CallKind.ORDERS, max(1, len(self.orders))


def identify_together(calls: Sequence[Call]) -> None:
    """Who sent each."""
    _meet_keys(calls)
    for call in calls:
        with refusing([call]):
            _identify(call)


def answer_together(calls: Sequence[Call]) -> None:
    """Those that came through the door are identified by now."""
    try:
        _answer_together(calls)
    finally:
        say_standings(calls)


def _answer_together(calls: Sequence[Call]) -> None:
    identify_together([call for call in calls if not call.user_id and call.answer is None])
    signed = [call for call in calls if call.spent is not None and call.answer is None]
    question = replays.ask([call.spent for call in signed if call.spent is not None])
    _read_each([call for call in calls if call.tongue is None])
    _refuse_replayed(signed, question)
    # What another protocol says may do something as it is read.
    _read_each([call for call in calls if call.tongue is not None])
    limit(calls)
    read = [call for call in calls if call.answer is None]
    placing = [call for call in read if not call.is_cancel]
    _do(placing, lambda call: call.news, place_together, _placed)
    cancelling = [call for call in read if call.is_cancel]
    _name([call for call in cancelling if call.request.client_order_ids])
    cancelling = [call for call in cancelling if call.answer is None]
    _do(cancelling, lambda call: call.cancels, cancel_together, _cancelling)


def limit(calls: Sequence[Call]) -> None:
    """Each as its sender's budget has it, or the address's."""
    _limit([call for call in calls if call.user_id])
    _limit_strangers([call for call in calls if call.answer is not None and not call.user_id])


def say_standings(calls: Iterable[Call]) -> None:
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
        known_keys.read({one.headers.public_id for one in signed if one is not None})
    except (OperationalError, InterfaceError) as error:
        log.warning("keys_unread", error=str(error))


def _identify(call: Call) -> None:
    """The steps of a view, in their order: first who sent it."""
    if call.tongue is not None:
        call.tongue.identify(call)
        return
    request, signed = call.request, call.request.signed
    if signed is None:
        user = caller_of(request.authorization, request.account)
        if user is None:
            raise NotAuthenticated
        call.user_id = user.pk
        return
    refuse_both(signed.headers, request.authorization)
    refuse_account_with_key(request.account)
    key_user, call.spent = verify(signed, call.body, call.address)
    call.user_id, call.scopes = key_user.pk, key_user.scopes


def _read_each(calls: Iterable[Call]) -> None:
    for call in calls:
        if call.answer is None:
            with refusing([call]):
                _read(call)


def _refuse_replayed(calls: Sequence[Call], question: Question) -> None:
    """Asked in one round trip. What is refused counts for its address, as if nobody had signed it,
    and whatever else is wrong with it isn't said."""
    with refusing(calls):
        for call, refused in zip(calls, replays.hear(question), strict=True):
            if refused is not None:
                call.user_id = 0
                call.answer = _refusal(call, refused)


def _read(call: Call) -> None:
    """What it asks."""
    require_trading(call)
    if call.tongue is not None:
        call.tongue.read(call)
        return
    if call.is_cancel:
        return
    if call.request.is_batch:
        body = read_body(call.body, NewOrders)
        call.orders = read_batch(body.orders)
        call.waits |= body.wait is not None
    elif call.is_bare:
        call.orders = [read_body(call.body, NewOrder)]
    else:
        new = read_body(call.body, OrderToPlace)
        call.orders, call.waits = [new], new.wait is not None
    if call.is_blocked:
        call.orders = from_blocked(call.orders)
        if not call.request.is_batch and isinstance(call.orders[0], DomainError):
            raise call.orders[0]


def require_trading(call: Call) -> None:
    """Of a key. Raises DomainError."""
    if call.by_key is not None:
        call.scopes = call.by_key()
    if call.scopes is not None:
        require_scope(call.scopes, Scope.TRADE)


def _name(calls: Sequence[Call]) -> None:
    """The orders that calls name by the ids of their senders: in one query. 0 for none."""
    with refusing(calls):
        asked = [(call.user_id, own) for call in calls for own in call.request.client_order_ids]
        found = iter(order_ids_named(asked))
        for call in calls:
            call.order_ids = list(islice(found, len(call.request.client_order_ids)))


def _limit(calls: Sequence[Call]) -> None:
    """In one round trip; what is refused goes no further. A fault of ours limits nobody."""
    try:
        standings = spend_of([call.cost for call in calls])
    except Exception:
        log.exception("intake_not_limited")
        return
    for call, standing in zip(calls, standings, strict=True):
        _stand(call, standing, call.cost[1])


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
        call.answer = refusal(call, error, {"Retry-After": str(standing.retry_s)})


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
        orders += len(call.orders) + len(call.order_ids)
        if orders >= ORDERS_MAX:
            yield part
            part, orders = [], 0
    if part:
        yield part


def _placed(call: Call, results: list[Result]) -> WrittenAnswer:
    call.placed = [result.order_id for result in results if isinstance(result, PlacedOrder)]
    if call.tongue is not None:
        return call.tongue.placed(call, results)
    if call.request.is_batch:
        told = batch_results(call.orders, results)
        _await(call, told)
        return _batch(told)
    (result,) = results
    if not isinstance(result, PlacedOrder):
        raise result
    _await(call, [result])
    return written(*placed_answer(result))


def _await(call: Call, placed: Sequence[PlacedOrder | DomainError]) -> None:
    if call.waits:
        call.results = known_results(placed)
        markets = awaited(placed, call.results)
        call.awaited = {order_id: market_rules(market) for order_id, market in markets.items()}


def _cancelling(call: Call, results: list[OrderState | Exception]) -> WrittenAnswer:
    call.changed = [result.order_id for result in results if isinstance(result, OrderState)]
    if call.tongue is not None:
        return call.tongue.cancelling(call, results)
    if call.request.is_batch:
        return _batch(cancel_results(results))
    (result,) = results
    if isinstance(result, Exception):
        raise result
    return written(HTTPStatus.ACCEPTED, cancelling_answer(result))


def _batch(results: Iterable[PlacedOrder | OrderState | DomainError]) -> WrittenAnswer:
    return written(HTTPStatus.ACCEPTED, batch_answer(results))


def written(status: int, body: Any) -> WrittenAnswer:
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
    if call.tongue is not None:
        return call.tongue.refused(call, fault)
    error = to_api_error(fault)
    if error is None:
        log.error("intake_failed", path=call.request.path, exc_info=fault)
        error = internal_error()
    return refusal(call, error, error_headers(fault, error))


def refusal(call: Call, error: DomainError, headers: dict[str, str]) -> WrittenAnswer:
    """Logged in Django's words, for whoever reads the logs."""
    if call.tongue is not None:
        answer = call.tongue.refused(call, error)
        answer.headers.update(headers)
        return answer
    level = logging.ERROR if status_of(error) >= 500 else logging.WARNING
    phrase = status_of(error).phrase
    _request_log.log(
        level, "%s: %s", phrase, call.request.path, extra={"status_code": status_of(error)}
    )
    return WrittenAnswer(status_of(error), msgspec.json.encode(body_of(error)), headers)
