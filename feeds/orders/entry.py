"""The requests of one socket: on their way, answered, waited for."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import msgspec
import structlog

from common.errors import ErrorCode
from common.limits.haste import REFUSED_AFTER_S
from feeds.orders.calls import AskKind, Sender, SignedInAs, call_of
from feeds.protocol import FeedError, OrderRequest, RequestId
from trading.http.answers.results import ChangeResult, OrderResult
from trading.http.limits import CallKind
from trading.intake.decisions import Decision, Decisions
from trading.intake.desk import Desk
from trading.intake.group import Call
from trading.intake.tongue import WrittenAnswer
from trading.intake.waiting import changes_of, results_of

UNANSWERED_MAX = 100  # of a socket
_DECISIONS = {AskKind.CANCELLING: Decision.CANCELLED, AskKind.CHANGING: Decision.AMENDED}
_UNHURRIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Request:
    id: RequestId
    call: Call
    kind: AskKind


class OrderEntry:
    """``tell`` sends the client a message, which is JSON."""

    def __init__(
        self, desk: Desk, decisions: Decisions, sender: Sender, tell: Callable[[str], None]
    ) -> None:
        self._desk = desk
        self._decisions = decisions
        self._sender = sender
        self._tell = tell
        self._ids: set[RequestId] = set()  # a string and a number are never equal
        self._queue: deque[_Request] = deque()
        self._on_their_way = 0
        self._kind: AskKind | None = None  # of those
        self._waiting: set[asyncio.Task[None]] = set()
        self._empty_until: dict[CallKind, float] = {}  # of budgets

    def take(self, request: OrderRequest, who: SignedInAs | None) -> None:
        """Raises FeedError for what goes no further."""
        if who is None:
            message = 'Sign in with {"op": "auth", …} before sending orders.'
            raise FeedError("NOT_AUTHENTICATED", message, request.id)
        if request.id in self._ids:
            message = "A request with this id is not answered yet. Use another."
            raise FeedError("DUPLICATE_ID", message, request.id)
        if len(self._ids) >= UNANSWERED_MAX:
            message = f"{UNANSWERED_MAX} requests are not answered yet. Wait for one of them."
            raise FeedError("TOO_MANY_UNANSWERED", message, request.id)
        call, kind = call_of(request, self._sender, who)
        self._check_budget(request, call.cost[1])
        if call.waits:
            self._decisions.expect()
        self._ids.add(request.id)
        self._queue.append(_Request(request.id, call, kind))
        self._send_on()

    def _check_budget(self, request: OrderRequest, kind: CallKind) -> None:
        """Whoever was told to wait and doesn't is no work for the desk."""
        left_s = self._empty_until.get(kind, 0.0) - time.monotonic()
        if left_s > 0:
            retry_s = int(left_s) + 1
            message = f"Too many {kind}: wait {retry_s} s."
            raise FeedError(ErrorCode.TOO_MANY_REQUESTS, message, request.id, retry_s)

    def leave(self) -> None:
        """Nobody is there to be told any more. What was taken goes on its way."""
        self._tell = _nobody

    def _send_on(self) -> None:
        while self._queue and (not self._on_their_way or self._queue[0].kind is self._kind):
            request = self._queue.popleft()
            self._kind = request.kind
            self._on_their_way += 1
            self._desk.take(request.call, partial(self._answer, request))

    def _answer(self, request: _Request, answer: WrittenAnswer) -> None:
        self._on_their_way -= 1
        self._send_on()
        self._hear_budget(request.call)
        if answer.status in _UNHURRIED:
            asyncio.get_running_loop().call_later(REFUSED_AFTER_S, self._end, request, answer)
            return
        if request.call.waits and answer.status < HTTPStatus.BAD_REQUEST:
            self._tell(_answer_text(request, answer))
            task = asyncio.get_running_loop().create_task(self._wait(request))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
            return
        self._end(request, answer)

    def _hear_budget(self, call: Call) -> None:
        standing = call.standing
        if standing is not None and not standing.granted and not standing.remaining:
            self._empty_until[call.cost[1]] = time.monotonic() + standing.retry_s

    def _end(self, request: _Request, answer: WrittenAnswer) -> None:
        self._forget(request)
        self._tell(_answer_text(request, answer))

    async def _wait(self, request: _Request) -> None:
        call = request.call
        results: Mapping[int, OrderResult | ChangeResult] = {}
        try:
            if request.kind is AskKind.PLACING:
                results = await results_of(self._decisions, call.awaited, call.results)
            else:
                decision = _DECISIONS[request.kind]
                results = await changes_of(self._decisions, decision, call.changed)
        except Exception:
            log.exception("waited_in_vain", orders=[*call.awaited, *call.changed])
        self._forget(request)
        self._tell(_result_text(request, results))

    def _forget(self, request: _Request) -> None:
        self._ids.discard(request.id)
        if request.call.waits:
            self._decisions.expect_no_more()


def _nobody(_: str) -> None:
    """Where a socket is gone."""


def _answer_text(request: _Request, answer: WrittenAnswer) -> str:
    """An answer of HTTP in a message: the body of a success inside, an error's own fields."""
    is_refused = answer.status >= HTTPStatus.BAD_REQUEST
    op, body = ("error", answer.body[1:-1]) if is_refused else ("ack", b'"answer":' + answer.body)
    retry_s = answer.headers.get("Retry-After")
    wait = f'"retryAfterS":{retry_s},' if retry_s and b'"retryAfterS"' not in body else ""
    standing = request.call.standing
    limit = "" if standing is None else (
        f'"rateLimit":{{"limit":{standing.limit},"remaining":{standing.remaining},'
        f'"resetS":{standing.reset_s}}},'
    )  # fmt: skip
    named = msgspec.json.encode(request.id).decode()
    head = f'{{"op":"{op}","id":{named},"status":{answer.status},{wait}{limit}'
    return f"{head}{body.decode()}}}"


def _result_text(request: _Request, results: Mapping[int, OrderResult | ChangeResult]) -> str:
    """Of the order, or of each order of a batch that was taken. One whose engine has not answered
    in time has none."""
    order_ids = sorted({*request.call.results, *request.call.awaited, *request.call.changed})
    told = [{"orderId": order_id, "result": results.get(order_id)} for order_id in order_ids]
    named = {"op": "result", "id": request.id}
    is_batch = request.call.request.is_batch
    body = named | {"results": told} if is_batch else named | told[0]
    return msgspec.json.encode(body).decode()
