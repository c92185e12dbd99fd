"""What clients send over a socket, as the requests they stand for, and how these are answered.

A client signs its parameters in the order of their names, joined as in a query and not escaped;
so, joined, they are the query of the call, less the signature. What would have to be escaped is
refused: it would be another query than was signed.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from gateway.asking.limits import rate_limits_used
from gateway.asking.params import PARAMETERS_MAX, SIGNATURE, text_of
from gateway.socket_calls.methods import METHODS
from gateway.streams.protocol import MESSAGE_BYTES_MAX, Id
from gateway.words.errors import ILLEGAL_CHARACTERS, GatewayRefusal, VenueError, malformed

API_KEY = "apiKey"
RETURN_LIMITS = "returnRateLimits"

_PLAIN = re.compile(r"[^\x00-\x20\x7f-\U0010ffff%&+=#]*")


class CallMessage(msgspec.Struct, frozen=True):
    method: str
    id: Id = None
    params: dict[str, Any] = {}


class Asked(NamedTuple):
    """The call that a message stands for. ``wants_limits``: how much of its budgets is used."""

    verb: str
    path: str
    query: str
    key: str
    wants_limits: bool


# Numbers as they were sent: so they were signed.
_decoder = msgspec.json.Decoder(CallMessage, float_hook=str)


def read_message(data: bytes | str) -> CallMessage:
    """Raises GatewayRefusal."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise malformed("message", f"Send at most {MESSAGE_BYTES_MAX} bytes.")
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise malformed("message", f"{error}.") from error


def asked_by(message: CallMessage) -> Asked:
    """Raises GatewayRefusal."""
    method = METHODS.get(message.method)
    if method is None:
        raise malformed("method", f"Known are {', '.join(METHODS)}.")
    if len(message.params) > PARAMETERS_MAX:
        raise malformed("params", f"Send at most {PARAMETERS_MAX}.")
    said = {name: text_of(value) for name, value in sorted(message.params.items())}
    signature = said.pop(SIGNATURE, "")
    query = "&".join(f"{_plain(name)}={_plain(value)}" for name, value in said.items())
    if method.is_signed and signature:
        query += f"&{SIGNATURE}={quote(signature, safe='')}"
    wants_limits = said.get(RETURN_LIMITS, "true") != "false"
    return Asked(method.verb, method.path, query, said.get(API_KEY, ""), wants_limits)


def _plain(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        raise GatewayRefusal(ILLEGAL_CHARACTERS)
    return text


def answer_text(id: Id, status: int, body: bytes, limits: Mapping[str, str] | None) -> str:
    """``limits``: headers of the answer, where its sender wants to know."""
    what = "result" if status == 200 else "error"
    answer: dict[str, Any] = {"id": id, "status": status, what: msgspec.Raw(body)}
    if limits is not None:
        answer["rateLimits"] = rate_limits_used(limits)
    return msgspec.json.encode(answer).decode()


def refusal_text(id: Id, error: VenueError) -> str:
    return answer_text(id, error.status, msgspec.json.encode(error.body()), None)
