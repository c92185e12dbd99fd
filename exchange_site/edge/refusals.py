"""Answers that are given before anything of a request is done, or where nobody waits for it."""

import asyncio
from typing import Any

import msgspec
import structlog

from common.asgi.messages import Header, Send, json_head, length_of, send_answer
from common.errors import DomainError, ErrorCode
from common.http.statuses import body_of, status_of

log = structlog.get_logger(__name__)


def request_timeout() -> DomainError:
    message = "The body did not arrive in time. Send the request again, whole."
    return DomainError(ErrorCode.REQUEST_TIMEOUT, message)


def request_late() -> DomainError:
    return DomainError(ErrorCode.REQUEST_TIMEOUT, "The request did not arrive in time.")


def headers_too_large(headers_max: int, bytes_max: int) -> DomainError:
    message = f"Send at most {headers_max} headers, of {bytes_max} bytes in all, and none after "
    return DomainError(ErrorCode.HEADERS_TOO_LARGE, f"{message}a body.")


def unreadable(what: str) -> DomainError:
    """``what``: it should have been, as in "HTTP request"."""
    return DomainError(ErrorCode.BAD_REQUEST, f"This is no {what} that can be read.")


def payload_too_large(bytes_max: int) -> DomainError:
    message = f"Send at most {bytes_max} bytes."
    return DomainError(ErrorCode.PAYLOAD_TOO_LARGE, message)


def busy() -> DomainError:
    message = "Too many requests of this kind wait already. Try again shortly."
    return DomainError(ErrorCode.BUSY, message)


def no_room() -> DomainError:
    message = "There is no room for an answer of this length now. Try again shortly."
    return DomainError(ErrorCode.BUSY, message)


def request_lost() -> DomainError:
    message = "The process that worked at this request died. If it was to change something, look "
    message += "whether it did, or send it again under the same key."
    return DomainError(ErrorCode.REQUEST_LOST, message)


def stopping() -> DomainError:
    message = "The server stops, and has waited for this request as long as it does. If it was to "
    message += "change something, look whether it did, or send it again under the same key."
    return DomainError(ErrorCode.BUSY, message)


def too_many_waiting() -> DomainError:
    message = "Too many requests from this address wait already. Try again when they are answered."
    return DomainError(ErrorCode.TOO_MANY_REQUESTS, message)


def too_many_asked(wait_s: int) -> DomainError:
    message = f"Too many requests of this kind: wait {wait_s} s."
    return DomainError(ErrorCode.TOO_MANY_REQUESTS, message)


async def refuse(send: Send, error: DomainError, *headers: Header, is_last: bool = True) -> None:
    head = [*json_head({}), *headers]
    await send_answer(send, status_of(error), head, _body(error), is_last=is_last)


def last_answer(error: DomainError) -> bytes:
    """As it is written to a connection that ends with it."""
    body = _body(error)
    head = [*json_head({}), length_of(body), (b"connection", b"close")]
    status = status_of(error)
    first = b"HTTP/1.1 %d %s" % (status, status.phrase.encode("ascii"))
    return b"\r\n".join((first, *(b"%s: %s" % header for header in head), b"", body))


def _body(error: DomainError) -> bytes:
    return msgspec.json.encode(body_of(error))


class RefusedAtTheEnd:
    """An ASGI application in front of another. What runs is cancelled by the server's end alone,
    which has waited for it as long as it does: told so, instead of a bare fault."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        has_begun = False

        async def sending(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._application(scope, receive, sending)
        except asyncio.CancelledError:
            log.warning("request_cut", method=scope["method"], path=scope["path"])
            if not has_begun:
                await refuse(send, stopping(), (b"connection", b"close"))
