"""What clients send, and the answers that are not data.

``{"op": "subscribe", "channels": ["book:BTC-PERP", "account"], "lastSeq": {"BTC-PERP": 41},
"epoch": {"BTC-PERP": "3f9c"}}``,
``{"op": "unsubscribe", "channels": […]}``, ``{"op": "auth", "token": "…", "account": "…"}``
(``account`` only of a sub-account) or, with a key,
``{"op": "auth", "key": "…", "timestamp": 1767605400125, "signature": "…"}``, ``{"op": "ping"}``.
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from common.http.bodies import key_given_twice
from matching.messages.limits import MAX_ID

MESSAGE_BYTES_MAX = 16_384
CHANNELS_MAX = 100
ACCOUNT_CHANNEL = "account"
ANNOUNCEMENTS_CHANNEL = "announcements"


class Topic(StrEnum):
    """The public channels of a market, as in ``book:BTC-PERP``."""

    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"


class FeedError(Exception):
    """Input a client can correct."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def body(self) -> dict[str, str]:
        return {"op": "error", "code": self.code, "message": self.message}


class _Request(
    msgspec.Struct, frozen=True, tag_field="op", rename="camel", forbid_unknown_fields=True
):
    pass


Channels = Annotated[list[str], msgspec.Meta(min_length=1, max_length=CHANNELS_MAX)]


class Subscribe(_Request, frozen=True, tag="subscribe"):
    """Per market, the last sequence the client saw of its account's events, and the epoch that was
    named with it: a market that was set back uses its sequences again, in another epoch.
    """

    channels: Channels
    last_seq: dict[str, Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]] = {}
    epoch: dict[str, str] = {}


class Unsubscribe(_Request, frozen=True, tag="unsubscribe"):
    channels: Channels


class Auth(_Request, frozen=True, tag="auth"):
    """With a token, for the account of the family that is named; or with a key and what its
    holder signed (`accounts.keys`)."""

    token: str | None = None
    account: str | None = None
    key: str | None = None
    timestamp: int | None = None
    window: int | None = None
    signature: str | None = None


class Ping(_Request, frozen=True, tag="ping"):
    pass


Request = Subscribe | Unsubscribe | Auth | Ping
_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def decode_request(data: bytes | str) -> Request:
    """Raises FeedError."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise FeedError("MESSAGE_TOO_LARGE", f"Send at most {MESSAGE_BYTES_MAX} bytes a message.")
    try:
        request = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise FeedError("INVALID_MESSAGE", f"{error}. Known are {_KNOWN}.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise FeedError("MALFORMED_JSON", "Send one JSON object per message.") from error
    if twice := key_given_twice(data):
        raise FeedError("INVALID_MESSAGE", f"{twice} is given twice: give it once.")
    if isinstance(request, Subscribe):
        _check_last_seq(request)
    return request


def _check_last_seq(request: Subscribe) -> None:
    if request.last_seq and ACCOUNT_CHANNEL not in request.channels:
        message = f"lastSeq is of the channel {ACCOUNT_CHANNEL}: subscribe to it, too."
        raise FeedError("INVALID_MESSAGE", message)


_KNOWN = "; ".join(
    f"{kind.__struct_config__.tag} with {', '.join(kind.__struct_encode_fields__) or 'nothing'}"
    for kind in (Subscribe, Unsubscribe, Auth, Ping)
)


def parse_channel(channel: str) -> tuple[Topic, str]:
    """``book:BTC-PERP`` → (BOOK, "BTC-PERP"). Raises FeedError."""
    topic, _, market_id = channel.partition(":")
    try:
        return Topic(topic), market_id
    except ValueError:
        message = (
            f"There is no channel {channel[:64]!r}. Channels are book:MARKET, trades:MARKET, "
            "ticker:MARKET, announcements and account."
        )
        raise FeedError("UNKNOWN_CHANNEL", message) from None


def channel_name(topic: Topic, market_id: str) -> str:
    return f"{topic}:{market_id}"


def encode(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
