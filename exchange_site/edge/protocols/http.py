"""uvicorn's HTTP, whose connections are known, end in time, and ask in turn.

Heads and bodies are bounded as they arrive. Nothing that was parsed is left to be heard of later:
no trailers, which would stand among the headers that a proxy has looked at, and few requests that
wait for the one before.
"""

import asyncio
import sys
from typing import Any, cast

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.errors import DomainError
from common.http.addresses import origin_of
from exchange_site.edge.connections import connections
from exchange_site.edge.protocols.transport import Transport
from exchange_site.edge.refusals import (
    headers_too_large,
    last_answer,
    request_late,
    unreadable,
)

SLICE_BYTES = 4_096
HEAD_BYTES_MAX = 65_536
HEADERS_MAX = 100
PIPELINED_MAX = 32  # of one slice; the next is parsed once they are answered
CHUNKING_BYTES_MAX = 8_000_000  # beside what a body may have: sizes and extensions of its chunks


class _TooManyHeaders(Exception):
    """Raised within the parser, which then stops."""


class _TooManyWaiting(Exception):
    """As that."""


class Http(HttpToolsProtocol):
    unread_max_s = 10.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.has_head = False
        self._head_bytes = self._body_bytes = 0
        self._has_begun = False  # a request, the rest of which is still to come
        self._known = connections()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = Transport(transport)
        self._socket.feed(self._parse, SLICE_BYTES)
        super().connection_made(cast(asyncio.Transport, self._socket))
        self._known.join(self, origin_of(self.client[0] if self.client else None))
        self._known.asks(self)
        if penance_s := self._known.penance_s(self):
            self.flow.pause_reading()
            self.loop.call_later(penance_s, self._begin)

    def _begin(self) -> None:
        self._known.has_asked(self)
        self._known.asks(self)
        self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._known.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._socket.arrived(data)

    def _parse(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self._known.asks(self)
            if not self._has_begun:
                self.has_head = False
        if not self.has_head:
            if self._head_bytes > HEAD_BYTES_MAX:
                self._known.breaks_rules(self)
                self._refuse(headers_too_large(HEADERS_MAX, HEAD_BYTES_MAX))
                return
            self._head_bytes += len(data)
        else:
            self._body_bytes += len(data)
            if self._body_bytes > settings.DATA_UPLOAD_MAX_MEMORY_SIZE + CHUNKING_BYTES_MAX:
                self._known.breaks_rules(self)
                self.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED_MAX:
            raise _TooManyWaiting
        self.has_head = False
        self._has_begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head or len(self.headers) >= HEADERS_MAX:
            raise _TooManyHeaders
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.has_head = True
        self._head_bytes = self._body_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._has_begun = False
        self._known.has_asked(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._has_begun and not self.has_head:
            self._known.asks(self)
        else:
            self._known.is_answered(self)
        super().on_response_complete()
        if self.pipeline:  # uvicorn would read on, and more would wait after each answer
            self.flow.pause_reading()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():  # closing would wait for its reader
            return
        super().timeout_keep_alive_handler()

    def handle_websocket_upgrade(self) -> None:
        self._known.leave(self)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        self._known.leaves_unread(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._known.reads(self)
        super().resume_writing()
        if self.cycle is not None and self.cycle.response_complete:
            self._known.is_answered(self)

    def end_late_head(self) -> None:
        self._refuse(request_late())

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's own words
        """As uvicorn calls it, with the parser's exception at hand."""
        self._known.breaks_rules(self)
        parsing = sys.exception()
        reason = None if parsing is None else parsing.__context__
        if isinstance(reason, _TooManyWaiting):
            self.abort()  # an answer would be taken for that of one before
        elif isinstance(reason, _TooManyHeaders):
            self._refuse(headers_too_large(HEADERS_MAX, HEAD_BYTES_MAX))
        else:
            self._refuse(unreadable("HTTP request"))

    def abort(self) -> None:
        self._socket.reset()

    def _refuse(self, error: DomainError) -> None:
        if self.transport.get_write_buffer_size():
            self.abort()
            return
        self.transport.write(last_answer(error))
        self.transport.close()
