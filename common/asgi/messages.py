"""Messages of ASGI: what they are, and those of a request and an answer that are whole."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from common.http.no_store import NO_STORE

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]


async def read_body(receive: Receive) -> bytes | None:
    """Whole; the server's edge bounds it. None if the client went away."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def replaying(body: bytes, receive: Receive) -> Receive:
    """As if it were still to be read."""
    pieces: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return pieces.pop() if pieces else await receive()

    return read


async def send_answer(
    send: Send, status: int, head: Iterable[Header], body: bytes, *, is_last: bool = True
) -> None:
    """Its length is added. ``is_last`` False leaves it open, whole as it is: the server doesn't
    close yet."""
    headers = [*head, length_of(body)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})


def length_of(body: bytes) -> Header:
    return b"content-length", b"%d" % len(body)


def json_head(headers: Mapping[str, str]) -> list[Header]:
    """Of an answer in JSON, with others beside."""
    return [
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", NO_STORE.encode("ascii")),
        *(
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in headers.items()
        ),
    ]
