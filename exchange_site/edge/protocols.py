"""uvicorn's protocols, whose connections are known and end in time."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from common.http.addresses import origin_of
from exchange_site.edge.connections import CONNECTIONS_PER_ADDRESS_MAX, Connections
from feeds.streams.frames import EXTENSION

HEAD_BYTES_MAX = 65_536
FRAGMENTS_MAX = 64  # of a message, which may be empty ones for ever
PONG_BYTES_MAX = 65_536  # that a client which pings and never reads may let wait

_LATE = b'{"message":"The request did not arrive in time.","code":"REQUEST_TIMEOUT"}'
_LARGE = b'{"message":"The headers are too large.","code":"HEADERS_TOO_LARGE"}'

# Each message by itself: a window that is kept from one to the next is 300 kB a client.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=12,
    client_max_window_bits=12,
    compress_settings={"memLevel": 5},
)

_connections: Connections | None = None


def connections() -> Connections:
    """Of this process. Behind proxies an address is a proxy's."""
    global _connections  # noqa: PLW0603  made with the first connection, when settings are there
    if _connections is None:
        _connections = Connections(
            None if settings.TRUSTED_PROXIES else CONNECTIONS_PER_ADDRESS_MAX
        )
    return _connections


class _Transport:
    """A transport to which writing is no error once it is closed. uvicorn looks whether a client
    is still there only of the newest of its requests; each of the others would be a traceback in
    the log, of which a stranger could make as many as they like."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


class Http(HttpToolsProtocol):
    unread_max_s = 10.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.has_head = False
        self._head_bytes = 0
        self._has_begun = False  # a request, the rest of which is still to come
        self._known = connections()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, _Transport(transport)))
        self._known.join(self, origin_of(self.client[0] if self.client else None))
        self._known.asks(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._known.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self._known.asks(self)
            if not self._has_begun:
                self.has_head = False
        if not self.has_head:
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(b"431 Request Header Fields Too Large", _LARGE)
                return
            self._head_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        self.has_head = False
        self._has_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.has_head = True
        self._head_bytes = 0
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
        self._refuse(b"408 Request Timeout", _LATE)

    def abort(self) -> None:
        _reset(self.transport)

    def _refuse(self, status: bytes, body: bytes) -> None:
        if self.transport.get_write_buffer_size():
            self.abort()
            return
        self.transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, len(body), body)
        )
        self.transport.close()


class WebSocket(WebSocketsSansIOProtocol):
    """The size of a message is counted as its fragments arrive (``ws_max_size``)."""

    has_head = True
    unread_max_s = 30.0  # a feed's client that is only slow hears why first

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known = connections()
        self.on_ready: Callable[[], None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it takes frames now: not while it has yet to send what it has."""
        return self.writable.is_set() and self.handshake_complete and not self._is_over

    @property
    def _is_over(self) -> bool:
        return self.close_sent or self.disconnected or self.transport.is_closing()

    def write_frames(self, data: bytes) -> None:
        """Whole ones, unmasked and not compressed."""
        if not self._is_over:
            self.transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._known.join(self, origin_of(self.client[0] if self.client else None))

    def connection_lost(self, exc: Exception | None) -> None:
        self._known.leave(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._known.leaves_unread(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._known.reads(self)
        super().resume_writing()
        if self.on_ready is not None:
            self.on_ready()

    def handle_connect(self, event: Request) -> None:
        """Compressed only for who asks for it in the address: browsers and libraries offer it
        whether their users want it or not."""
        _, _, query = event.path.partition("?")
        if ("deflate", "true") in parse_qsl(query):
            self.conn.available_extensions = [_DEFLATE]
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and not self.conn.extensions:
            extensions = cast(dict[str, object], self.scope["extensions"])
            extensions[EXTENSION] = self

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS_MAX:
            self.frames = []
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"more than {FRAGMENTS_MAX} fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.transport.get_write_buffer_size() > PONG_BYTES_MAX:
            self.abort()

    def send_keepalive_ping(self) -> None:
        """uvicorn's own is random bytes; there are clients that read it as text to send it back."""
        self.ping_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        self.pending_ping_payload = str(time.time_ns() // 1_000_000).encode()
        self.ping_sent_at = self.loop.time()
        self.conn.send_ping(self.pending_ping_payload)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.ping_timeout is None:
            self.schedule_ping()
        else:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)

    def shutdown(self) -> None:
        """As uvicorn's, but in the feeds' words."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.GOING_AWAY})
        self.conn.send_close(CloseCode.GOING_AWAY, "the server stops; connect again")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def end_late_head(self) -> None:
        self.abort()

    def abort(self) -> None:
        _reset(self.transport)


def _reset(transport: asyncio.Transport) -> None:
    """Now, and in the kernel, too: what it has not sent it would keep for a client that doesn't
    read."""
    if (connected := transport.get_extra_info("socket")) is not None:
        linger = struct.pack("ii", 1, 0)
        with suppress(OSError):  # it is closed
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
