"""In front of everything on the venue's paths: what is refused before this package sees it, by the
server's edge or by Django, is told in the venue's shape, too.
"""

from http import HTTPStatus
from typing import Any

import msgspec

from common.asgi.messages import Message
from common.errors import DomainError, ErrorCode
from gateway.words.errors import UNKNOWN_ERROR, VenueError, of_refusal

_PATHS = ("/fapi", "/futures/data", "/api/v3", "/sapi", "/dapi")
_LENGTH = b"content-length"


class VenueWords:
    """An ASGI application around another."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_PATHS):
            send = _Translating(send).send
        await self._application(scope, receive, send)


class _Translating:
    """Successes pass as they come; what is refused is held until it is whole."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] < HTTPStatus.BAD_REQUEST:
                await self._send(message)
            else:
                self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body.append(message.get("body", b""))
        is_last = not message.get("more_body")
        # An answer that is whole may be left open while the rest of a body is listened to.
        if self._body and self._start is not None and (is_last or _is_whole(self._body)):
            start, self._start = self._start, None
            status, body = _translated(start["status"], b"".join(self._body))
            head = [one for one in start["headers"] if one[0].lower() != _LENGTH]
            head.append((_LENGTH, b"%d" % len(body)))
            await self._send({**start, "status": status, "headers": head})
            await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})


def _is_whole(body: list[bytes]) -> bool:
    try:
        msgspec.json.decode(b"".join(body))
    except msgspec.DecodeError:
        return False
    return True


def _translated(status: int, body: bytes) -> tuple[int, bytes]:
    """What is in the venue's shape already stays."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        said = None
    if isinstance(said, dict) and isinstance(said.get("code"), int) and "msg" in said:
        return status, body
    error = _error_of(said)
    return error.status, msgspec.json.encode(error.body())


def _error_of(said: Any) -> VenueError:
    if not isinstance(said, dict) or not isinstance(said.get("code"), str):
        return UNKNOWN_ERROR
    try:
        code = ErrorCode(said["code"])
    except ValueError:
        return UNKNOWN_ERROR
    return of_refusal(DomainError(code, str(said.get("message", "")), said.get("field")))
