"""Bodies are read here, on the loop: in time and up to a size, or the request ends.

One that came in chunks goes on with its Content-Length, as if it had come whole: neither order
intake nor WSGI knows any other.
"""

import asyncio
from typing import Any

from django.conf import settings

from common.asgi.messages import replaying
from exchange_site.edge.refusals import payload_too_large, refuse, request_timeout

BODY_WITHIN_S = 5.0
# How long a client that sends too much is listened to: a connection that is closed on unread bytes
# is reset, and then the answer may be lost.
LISTEN_S = 2.0
LISTEN_BYTES_MAX = 8_000_000

_CLOSE = (b"connection", b"close")


class TooLarge(Exception):
    pass


class Bodies:
    """In front of an ASGI application, which is called with the body at hand."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not _has_body(scope["headers"]):
            await self._application(scope, receive, send)
            return
        bytes_max = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _read(scope["headers"], receive, bytes_max)
        except TimeoutError:
            await refuse(send, request_timeout(), _CLOSE)
            return
        except TooLarge:
            await refuse(send, payload_too_large(bytes_max), _CLOSE, is_last=False)
            await _listen(receive)
            await send({"type": "http.response.body", "body": b""})
            return
        if body is not None:  # else the client went away
            whole = {**scope, "headers": _with_length(scope["headers"], len(body))}
            await self._application(whole, replaying(body, receive), send)


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


def _with_length(headers: list[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    """Of a body that came in chunks; any other coding is still there for others to refuse."""
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings != [b"chunked"]:
        return headers
    others = [(name, value) for name, value in headers if name != b"transfer-encoding"]
    return [*others, (b"content-length", b"%d" % size)]


async def _read(headers: list[tuple[bytes, bytes]], receive: Any, bytes_max: int) -> bytes | None:
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > bytes_max:
            raise TooLarge
    chunks = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise TooLarge
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _listen(receive: Any) -> None:
    size = 0
    try:
        async with asyncio.timeout(LISTEN_S):
            while size < LISTEN_BYTES_MAX:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
