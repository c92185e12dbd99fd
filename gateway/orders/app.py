"""In front of order intake: the venue's calls that go through it, taken off its own way.

Everything else passes. A call that waits for its engine is answered as soon as that has decided,
after two seconds as it is by then.
"""

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import structlog
from django.db import connection

from accounts.keys.headers import KeyHeaders
from accounts.keys.signing import SignedRequest
from accounts.law.countries import is_scope_blocked
from common.asgi.messages import Receive, Scope, Send, json_head, read_body, send_answer
from common.http.addresses import address_of, origin_of
from gateway.asking import limits
from gateway.asking.params import Params
from gateway.asking.signing import KEY_HEADER, Signed
from gateway.orders.shown import ShownOrder
from gateway.orders.tongue import VenueAct, VenueCall, names_of
from gateway.words.errors import GatewayRefusal
from matching.messages.events import OutputEntry
from matching.messages.limits import MAX_ID
from trading.http.limits import CallKind
from trading.intake.decisions import Decision, Decisions
from trading.intake.desk import Desk
from trading.intake.group import Call
from trading.intake.plain import OurHosts, Plain
from trading.intake.tongue import WrittenAnswer

TAKEN: Mapping[tuple[str, str], VenueAct] = {
    ("POST", "/fapi/v1/order"): VenueAct.PLACE,
    ("POST", "/fapi/v1/batchOrders"): VenueAct.PLACE_BATCH,
    ("POST", "/fapi/v1/algoOrder"): VenueAct.PLACE_ALGO,
    ("DELETE", "/fapi/v1/order"): VenueAct.CANCEL,
    ("DELETE", "/fapi/v1/algoOrder"): VenueAct.CANCEL_ALGO,
}
_KEY = KEY_HEADER.lower().encode()
_HOST = b"host"

log = structlog.get_logger(__name__)


class VenueOrders:
    """An ASGI application. ``desk`` and ``decisions`` are intake's own."""

    def __init__(self, elsewhere: Any, desk: Desk, decisions: Decisions) -> None:
        self._elsewhere = elsewhere
        self._desk = desk
        self._decisions = decisions
        self._hosts = OurHosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        act = None
        if scope["type"] == "http":
            act = TAKEN.get((scope["method"], scope["path"]))
        if act is None or _header(scope, _HOST) not in self._hosts:
            await self._elsewhere(scope, receive, send)
            return
        body = await read_body(receive)
        if body is not None:  # else the client went away
            await self._take(scope, act, body, send)

    async def _take(self, scope: Scope, act: VenueAct, body: bytes, send: Send) -> None:
        venue = _venue_call(scope, act, body)
        address = address_of(scope)
        call = Call(
            _request(act, venue),
            body,
            origin_of(address),
            address,
            is_scope_blocked(scope),
            tongue=venue,
        )
        async with self._decisions.expecting() if venue.waits else nullcontext():
            answer = await self._desk.answer_of(call)
            if venue.waits:
                answer = await self._decided(venue, answer)
        head = json_head(answer.headers | _limits(call))
        await send_answer(send, answer.status, head, answer.body)

    async def _decided(self, venue: VenueCall, answer: WrittenAnswer) -> WrittenAnswer:
        """With what engines made of it; as it is if that fails, as it is on its way."""
        try:
            decision = Decision.CANCELLED if venue.act.is_cancel else Decision.PLACED
            ids = [order.order_id for order in venue.shown if isinstance(order, ShownOrder)]
            found = await self._decisions.of(decision, ids)
            if not found:
                return answer
            decided = await asyncio.to_thread(_moved_on, venue, found)
        except Exception:
            log.exception("gateway_waited_in_vain", path=venue.path)
            return answer
        return WrittenAnswer(decided.status, decided.body, answer.headers)


def _moved_on(venue: VenueCall, found: Mapping[int, OutputEntry]) -> WrittenAnswer:
    """In a thread: the rules of markets are in memory for the most part, which no process can be
    sure of."""
    try:
        venue.move_on(found)
        return venue.written()
    finally:
        connection.close()


def _venue_call(scope: Scope, act: VenueAct, body: bytes) -> VenueCall:
    key = _header(scope, _KEY).decode("latin-1")
    query: bytes = scope["query_string"]
    unread, params = None, Params()
    try:
        params = Params.read(query, body)
    except GatewayRefusal as refusal:
        unread = refusal
    return VenueCall(act, Signed(key, query, body, params), unread, str(scope["path"]))


def _request(act: VenueAct, venue: VenueCall) -> Plain:
    """As intake knows requests: which way it goes, whose key it is to look for."""
    order_ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    if act.is_cancel:
        by_id, by_name = (venue.signed.params.values.get(one.lower(), "") for one in names_of(act))
        if by_id.isascii() and by_id.isdecimal() and 0 < int(by_id[:20]) <= MAX_ID:
            order_ids = (int(by_id),)
        else:
            names = (by_name,)
    signed = SignedRequest(KeyHeaders(venue.signed.key, "", "", ""), "", "", "")
    return Plain(venue.path, "", act is VenueAct.PLACE_BATCH, order_ids, signed, "", names)


def _limits(call: Call) -> dict[str, str]:
    if call.standing is None:
        return {}
    kind: CallKind | None = call.cost[1] if call.user_id else None
    return limits.headers(call.standing, kind)


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")
