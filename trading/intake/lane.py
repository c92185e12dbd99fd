"""The thread that answers groups of calls. Everything that may wait for a server happens here."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from django.db import connection
from rest_framework.exceptions import NotAuthenticated

from accounts.authentication import token_user
from exchange_site.api import (
    ApiError,
    decode_object,
    error_headers,
    internal_error,
    to_api_error,
    to_struct,
)
from trading.answers import BatchAnswer, batch_item, placed_answer
from trading.services.batching import batch_results, read_batch
from trading.services.placing import PlacedOrder, Result, place_together
from trading.services.terms import NewOrder
from trading.trader_api import NewOrders

ORDER_PATH, BATCH_PATH = "/order", "/orders/batch"
CALLS_MAX = 256  # of a group
ORDERS_MAX = 500  # of a statement, and what comes with the last call
# Longer than a worker's batch holds wallets, shorter than a request waits.
LOCK_TIMEOUT_MS = 2_000

log = structlog.get_logger(__name__)
_request_log = logging.getLogger("django.request")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True, eq=False)
class Call:
    """A request, read whole. ``given_up``: nobody waits for it any more."""

    path: str
    authorization: str
    body: bytes
    given_up: bool = False
    answer: Answer | None = None
    user_id: int = 0
    orders: list[NewOrder | ApiError] = field(default_factory=list)

    @property
    def news(self) -> Iterator[tuple[int, NewOrder]]:
        return ((self.user_id, new) for new in self.orders if isinstance(new, NewOrder))


class Lane:
    """Started once; ends when told to, after what it was given before."""

    def __init__(self, deliver: Callable[[Sequence[Call]], None]) -> None:
        self._deliver = deliver
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._prepared: object = None
        self._thread = self._start()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="intake", daemon=True)
        thread.start()
        return thread

    def put(self, call: Call) -> None:
        self._calls.put(call)

    def keep_alive(self) -> None:
        """Start the thread again if it died. What waits is kept; what it had begun is not."""
        if not self._thread.is_alive():
            log.error("intake_lane_died")
            self._thread = self._start()

    def stop(self, within_s: float) -> None:
        self._calls.put(None)
        self._thread.join(within_s)

    def _run(self) -> None:
        try:
            while (group := self._next_group()) is not None:
                self._answer([call for call in group if not call.given_up])
                self._deliver(group)
        finally:
            connection.close()

    def _next_group(self) -> list[Call] | None:
        """All that wait, and at least one; None once there is nothing more to come."""
        first = self._calls.get()
        if first is None:
            return None
        group = [first]
        while len(group) < CALLS_MAX:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                self._calls.put(None)
                break
            group.append(call)
        return group

    def _answer(self, calls: Sequence[Call]) -> None:
        """Whatever happens, every call is answered."""
        try:
            self._prepare_connection()
            for call in calls:
                _read(call)
            _place([call for call in calls if call.answer is None])
        except Exception as error:  # noqa: BLE001  as it says
            for call in calls:
                if call.answer is None:
                    call.answer = _refusal(call, error)

    def _prepare_connection(self) -> None:
        """As Django does before a request; and nobody waits in here for long for one wallet."""
        connection.close_if_unusable_or_obsolete()
        if connection.connection is None or connection.connection is not self._prepared:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
            self._prepared = connection.connection


def _read(call: Call) -> None:
    """The steps of a view, in their order: who sent it, then what."""
    try:
        user = token_user(call.authorization)
        if user is None:
            raise NotAuthenticated
        call.user_id = user.pk
        data = decode_object(call.body)
        if call.path == BATCH_PATH:
            call.orders = read_batch(to_struct(data, NewOrders).orders)
        else:
            call.orders = [to_struct(data, NewOrder)]
    except Exception as error:  # noqa: BLE001  one bad request never fails another
        call.answer = _refusal(call, error)


def _place(calls: Sequence[Call]) -> None:
    for part in _parts(calls):
        results = iter(place_together([order for call in part for order in call.news]))
        for call in part:
            own = [next(results) for _ in call.news]
            try:
                call.answer = _told(call, own)
            except Exception as error:  # noqa: BLE001  as above
                call.answer = _refusal(call, error)


def _parts(calls: Sequence[Call]) -> Iterator[list[Call]]:
    part: list[Call] = []
    orders = 0
    for call in calls:
        part.append(call)
        orders += len(call.orders)
        if orders >= ORDERS_MAX:
            yield part
            part, orders = [], 0
    if part:
        yield part


def _told(call: Call, results: list[Result]) -> Answer:
    if call.path == BATCH_PATH:
        items = [batch_item(result) for result in batch_results(call.orders, results)]
        return _json(HTTPStatus.ACCEPTED, BatchAnswer(results=items))
    (result,) = results
    if not isinstance(result, PlacedOrder):
        raise result
    return _json(*placed_answer(result))


def _json(status: int, body: Any) -> Answer:
    return Answer(int(status), msgspec.json.encode(body, enc_hook=str), {})


def _refusal(call: Call, fault: Exception) -> Answer:
    error = to_api_error(fault)
    if error is None:
        log.error("intake_failed", path=call.path, exc_info=fault)
        error = internal_error()
    return refusal(call.path, error, error_headers(fault, error))


def refusal(path: str, error: ApiError, headers: dict[str, str]) -> Answer:
    """Logged in Django's words, for whoever reads the logs."""
    level = logging.ERROR if error.status >= 500 else logging.WARNING
    phrase = HTTPStatus(error.status).phrase
    _request_log.log(level, "%s: %s", phrase, path, extra={"status_code": error.status})
    return Answer(error.status, msgspec.json.encode(error.body()), headers)
