"""Answers of any length: in a file without a name until their client has read them.

An answer is whole before its first byte goes out, so that nobody's reading keeps a thread or a
connection to Postgres. What a view streams may be too long for memory: it goes to a file that is
gone from the disk's names at once and from the disk when it is closed. The loop reads it in parts
as the client takes them.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import structlog

from exchange_site.edge.refusals import no_room

PART_BYTES = 65_536
_KEPT = "exchange.long_answer"  # in a request's scope

log = structlog.get_logger(__name__)


def write_long(parts: Iterable[bytes]) -> BinaryIO:
    """Raises DomainError where there is no room, and what the parts raise."""
    with _room_needed():
        file: Any = tempfile.TemporaryFile()  # noqa: SIM115  whoever sends it closes it
    try:
        for part in parts:
            with _room_needed():
                file.write(part)
        with _room_needed():
            file.flush()
    except BaseException:
        with suppress(OSError):  # what is left in its buffer finds no room either
            file.close()
        raise
    return file  # type: ignore[no-any-return]


@contextmanager
def _room_needed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("long_answer_not_kept", why=str(error))
        raise no_room() from error


def is_long(response: Any) -> bool:
    return bool(getattr(response, "streaming", False))


def size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def keep(scope: Any, file: BinaryIO) -> None:
    """For `SendingLong`, in place of a body."""
    scope[_KEPT] = file


class SendingLong:
    """An ASGI ``send`` that puts what was kept for the request in place of its body's end."""

    def __init__(self, scope: Any, send: Any) -> None:
        self._scope = scope
        self._send = send

    async def __call__(self, message: Any) -> None:
        file: BinaryIO | None = self._scope.get(_KEPT)
        if file is None or message["type"] != "http.response.body" or message.get("more_body"):
            await self._send(message)
            return
        file.seek(0)
        while part := file.read(PART_BYTES):
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send(message)

    def close(self) -> None:
        if (file := self._scope.pop(_KEPT, None)) is not None:
            file.close()
