"""Requests of sockets as calls of order intake."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from msgspec import Raw, UnsetType

from common.http.addresses import Address
from common.scopes import Scope
from feeds.protocol import (
    AmendRequest,
    BatchRequest,
    CancelAllRequest,
    CancelRequest,
    CountdownRequest,
    FeedError,
    OrderRequest,
    PlaceRequest,
)
from trading.intake import changes
from trading.intake.group import Call, ChangeCall
from trading.intake.plain import Plain


@dataclass(frozen=True, slots=True)
class Sender:
    """Of all requests of a socket: where they come from."""

    address: Address | None
    origin: str
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class SignedInAs:
    account_id: int
    by_key: Callable[[], frozenset[Scope]] | None


class AskKind(Enum):
    """Calls of one kind keep their order on their way."""

    PLACING = auto()
    CANCELLING = auto()
    CHANGING = auto()


def call_of(request: OrderRequest, sender: Sender, who: SignedInAs) -> tuple[Call, AskKind]:
    """Raises FeedError for one that asks for too many things or for nothing."""
    call, kind = _call_of(request, sender, who)
    call.waits = (
        not isinstance(request, CancelAllRequest | CountdownRequest) and request.wait is not None
    )
    return call, kind


def _call_of(request: OrderRequest, sender: Sender, who: SignedInAs) -> tuple[Call, AskKind]:
    match request:
        case PlaceRequest(order=order):
            return _call(sender, who, bytes(order)), AskKind.PLACING
        case CancelRequest():
            by_id = () if request.order_id is None else (request.order_id,)
            by_name = () if request.client_order_id is None else (request.client_order_id,)
            _require_one(request, len(by_id) + len(by_name), "orderId or clientOrderId")
            return _cancelling(sender, who, by_id, by_name, is_batch=False)
        case BatchRequest():
            return _batch(request, sender, who)
        case AmendRequest():
            change: ChangeCall = changes.AmendCall(bytes(request.order))
        case CancelAllRequest():
            change = changes.CancelAllCall(request.market_id, request.side, request.protective)
        case CountdownRequest():
            change = changes.CountdownCall(
                request.market_id, request.countdown_ms, request.protective
            )
    return _changing(sender, who, change)


def _batch(request: BatchRequest, sender: Sender, who: SignedInAs) -> tuple[Call, AskKind]:
    named = [
        request.orders,
        request.amendments,
        request.order_ids,
        request.client_order_ids,
    ]
    count = sum(not isinstance(one, UnsetType | None) for one in named)
    _require_one(request, count, "orders, amendments, orderIds or clientOrderIds")
    if isinstance(request.orders, Raw):
        return _call(sender, who, _listed(request.orders), is_batch=True), AskKind.PLACING
    if isinstance(request.amendments, Raw):
        change = changes.AmendBatch(_listed(request.amendments))
        return _changing(sender, who, change, is_batch=True)
    by_id, by_name = request.order_ids or (), request.client_order_ids or ()
    return _cancelling(sender, who, tuple(by_id), tuple(by_name), is_batch=True)


def _listed(items: Raw) -> bytes:
    """The body that HTTP has them in."""
    return b'{"orders":%s}' % bytes(items)


def _cancelling(
    sender: Sender,
    who: SignedInAs,
    order_ids: tuple[int, ...],
    client_order_ids: tuple[str, ...],
    *,
    is_batch: bool,
) -> tuple[Call, AskKind]:
    call = _call(sender, who, b"", is_batch=is_batch, ids=order_ids, names=client_order_ids)
    return call, AskKind.CANCELLING


def _changing(
    sender: Sender, who: SignedInAs, change: ChangeCall, *, is_batch: bool = False
) -> tuple[Call, AskKind]:
    call = _call(sender, who, b"", is_batch=is_batch)
    call.change = change
    return call, AskKind.CHANGING


def _call(
    sender: Sender,
    who: SignedInAs,
    body: bytes,
    *,
    is_batch: bool = False,
    ids: tuple[int, ...] = (),
    names: tuple[str, ...] = (),
) -> Call:
    request = Plain("/ws", "", is_batch, ids, client_order_ids=names)
    return Call(
        request,
        body,
        sender.origin,
        sender.address,
        sender.is_blocked,
        user_id=who.account_id,
        by_key=who.by_key,
        is_bare=True,
    )


def _require_one(request: CancelRequest | BatchRequest, count: int, names: str) -> None:
    if count != 1:
        raise FeedError("INVALID_MESSAGE", f"Give one of {names}.", request.id)
