"""Answers that are given before anything of a request is done."""

from http import HTTPStatus
from typing import Any

import msgspec

from exchange_site.api import ApiError
from exchange_site.no_store import NO_STORE


def request_timeout() -> ApiError:
    message = "The body did not arrive in time. Send the request again, whole."
    return ApiError(HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", message)


def payload_too_large(bytes_max: int) -> ApiError:
    message = f"Send at most {bytes_max} bytes."
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)


def busy() -> ApiError:
    message = "Too many requests of this kind wait already. Try again shortly."
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "BUSY", message)


def too_many_waiting() -> ApiError:
    message = "Too many requests from this address wait already. Try again when they are answered."
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", message)


def too_many_asked(wait_s: int) -> ApiError:
    message = f"Too many requests of this kind: wait {wait_s} s."
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", message)


async def refuse(
    send: Any, error: ApiError, *headers: tuple[bytes, bytes], is_last: bool = True
) -> None:
    """``is_last`` False leaves the answer open, whole as it is: the server doesn't close yet."""
    body = msgspec.json.encode(error.body())
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", NO_STORE.encode("ascii")),
        *headers,
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})
