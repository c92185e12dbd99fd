"""What clients send, and the answers that are not data.

``{"op": "subscribe", "channels": ["book:BTC-PERP", "account"], "lastSeq": {"BTC-PERP": 41},
"epoch": {"BTC-PERP": "3f9c"}}``,
``{"op": "unsubscribe", "channels": […]}``, ``{"op": "auth", "token": "…", "account": "…"}``
(``account`` only of a sub-account) or, with a key,
``{"op": "auth", "key": "…", "timestamp": 1767605400125, "signature": "…"}``, ``{"op": "ping"}``.

What changes orders names an ``id``, which its answers echo:
``{"op": "place", "id": 7, "order": {…}, "wait": "result"}``, ``{"op": "amend", "id": 8, "order":
{"orderId": 17, …}}``, ``{"op": "cancel", "id": 9, "orderId": 17}``, ``cancelAll``, ``batch``,
``countdown``. Orders stay as they were written: who reads them is order intake (`feeds.orders`).
"""

from typing import Annotated, Any, get_args

import msgspec

from common.http.bodies import key_given_twice
from matching.messages.limits import MAX_ID
from matching.messages.vocabulary import Side
from trading.http.items import BATCH_MAX
from trading.orders.request import Wait

MESSAGE_BYTES_MAX = 49_152  # a batch of orders with every field fits
ID_LENGTH_MAX = 64
ID_MAX = 2**53 - 1  # what every language's JSON keeps
CHANNELS_MAX = 100
ACCOUNT_CHANNEL = "account"
ANNOUNCEMENTS_CHANNEL = "announcements"
OF_NO_MARKET = (ACCOUNT_CHANNEL, ANNOUNCEMENTS_CHANNEL)


RequestId = (
    Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH_MAX)]
    | Annotated[int, msgspec.Meta(ge=-ID_MAX, le=ID_MAX)]
)


class FeedError(Exception):
    """Input a client can correct. ``id``: of the request, where it could be read."""

    def __init__(
        self,
        code: str,
        message: str,
        id: RequestId | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        named = {} if self.id is None else {"id": self.id}
        retry = {} if self.retry_after_s is None else {"retryAfterS": self.retry_after_s}
        return {"op": "error", **named, "code": self.code, "message": self.message, **retry}


class _Request(
    msgspec.Struct, frozen=True, tag_field="op", rename="camel", forbid_unknown_fields=True
):
    pass


_UP_TO_A_BATCH = msgspec.Meta(min_length=1, max_length=BATCH_MAX)
Channels = Annotated[list[str], msgspec.Meta(min_length=1, max_length=CHANNELS_MAX)]


class Subscribe(_Request, frozen=True, tag="subscribe"):
    """``id`` is echoed on each message of these subscriptions; ``every_ms`` conflates them.

    Per market, the last sequence the client saw of its account's events, and the epoch that was
    named with it: a market that was set back uses its sequences again, in another epoch.
    """

    channels: Channels
    id: RequestId | None = None
    every_ms: int | None = None
    last_seq: dict[str, Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]] = {}
    epoch: dict[str, str] = {}


class Unsubscribe(_Request, frozen=True, tag="unsubscribe"):
    channels: Channels
    id: RequestId | None = None


class Auth(_Request, frozen=True, tag="auth"):
    """With a token, for the account of the family that is named; or with a key and what its
    holder signed (`accounts.keys`)."""

    token: str | None = None
    account: str | None = None
    key: str | None = None
    timestamp: int | None = None
    window: int | None = None
    signature: str | None = None
    id: RequestId | None = None


class Ping(_Request, frozen=True, tag="ping"):
    id: RequestId | None = None


class PlaceRequest(_Request, frozen=True, tag="place"):
    """``order`` as in the body of POST /order."""

    id: RequestId
    order: msgspec.Raw
    wait: Wait | None = None


class AmendRequest(_Request, frozen=True, tag="amend"):
    """``order`` as one of PATCH /orders/batch."""

    id: RequestId
    order: msgspec.Raw
    wait: Wait | None = None


OrderId = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]


class CancelRequest(_Request, frozen=True, tag="cancel"):
    """By one of both."""

    id: RequestId
    order_id: OrderId | None = None
    client_order_id: str | None = None
    wait: Wait | None = None


class CancelAllRequest(_Request, frozen=True, tag="cancelAll"):
    """Of a market or of all, of a side or of both, as DELETE /orders."""

    id: RequestId
    market_id: str | None = None
    side: Side | None = None
    protective: bool = False


class BatchRequest(_Request, frozen=True, tag="batch"):
    """Up to 100 of one of these: orders to place, amendments, or orders to cancel by either id."""

    id: RequestId
    orders: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    amendments: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    order_ids: Annotated[list[OrderId], _UP_TO_A_BATCH] | None = None
    client_order_ids: Annotated[list[str], _UP_TO_A_BATCH] | None = None
    wait: Wait | None = None


class CountdownRequest(_Request, frozen=True, tag="countdown"):
    """As POST /orders/countdown."""

    id: RequestId
    market_id: str
    countdown_ms: int
    protective: bool = False


OrderRequest = (
    PlaceRequest | AmendRequest | CancelRequest | CancelAllRequest | BatchRequest | CountdownRequest
)
Request = Subscribe | Unsubscribe | Auth | Ping | OrderRequest
_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


class _Named(msgspec.Struct):
    id: RequestId


class _Asking(msgspec.Struct):
    op: str


_id_decoder = msgspec.json.Decoder(_Named)
_op_decoder = msgspec.json.Decoder(_Asking)


def decode_request(data: bytes | str) -> Request:
    """Raises FeedError."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise FeedError("MESSAGE_TOO_LARGE", f"Send at most {MESSAGE_BYTES_MAX} bytes a message.")
    try:
        request = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise FeedError("INVALID_MESSAGE", f"{error}. {_known(data)}", _id_of(data)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise FeedError("MALFORMED_JSON", "Send one JSON object per message.") from error
    if not _has_each_once(request, data) and (twice := _given_twice(data)):
        raise FeedError("INVALID_MESSAGE", f"{twice} is given twice: give it once.", _id_of(data))
    if isinstance(request, Subscribe):
        _check_last_seq(request)
    return request


def _given_twice(data: bytes | str) -> str | None:
    try:
        return key_given_twice(data)
    except RecursionError as error:  # within what is read later, if it is an order
        raise FeedError("INVALID_MESSAGE", "The message is nested too deep.") from error


def _id_of(data: bytes | str) -> RequestId | None:
    try:
        return _id_decoder.decode(data).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _known(data: bytes | str) -> str:
    """What a message may have, or which there are. It was refused before it was read to its end."""
    try:
        op = _op_decoder.decode(data).op
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        op = ""
    if op in _FIELDS:
        return f"{op} takes {_FIELDS[op]}."
    return f"Send an object with an op: {', '.join(_FIELDS)}."


def _has_each_once(request: Request, data: bytes | str) -> bool:
    """Where that is plain to see of an order: outside of it there is a colon a key and no more. Its
    own keys are counted when it is read."""
    if not isinstance(request, PlaceRequest):
        return False
    text = data if isinstance(data, bytes) else data.encode()
    keys = 3 if request.wait is None else 4
    return text.count(b":") - bytes(request.order).count(b":") == keys


def _check_last_seq(request: Subscribe) -> None:
    if request.last_seq and ACCOUNT_CHANNEL not in request.channels:
        message = f"lastSeq is of the channel {ACCOUNT_CHANNEL}: subscribe to it, too."
        raise FeedError("INVALID_MESSAGE", message)


_FIELDS = {
    str(kind.__struct_config__.tag): ", ".join(kind.__struct_encode_fields__) or "nothing"
    for kind in get_args(Request)
}


def encode(body: dict[str, Any] | RequestId) -> str:
    return msgspec.json.encode(body).decode()
