"""uvicorn's WebSocket, whose messages and frames are counted as they arrive.

A message waits for the application before the next is read; what no application sees, pings and
pongs, has a budget, and so has what is still said to a socket that is over.
"""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from common.http.addresses import origin_of
from common.limits.budgets import Ask, LocalBudgets, Rate
from exchange_site.edge.connections import connections
from exchange_site.edge.protocols.transport import Transport
from exchange_site.edge.refusals import last_answer, unreadable
from feeds.streams.frames import EXTENSION

SLICE_BYTES = 512  # 85 of the smallest frames
FRAGMENTS_MAX = 64  # of a message, which may be empty ones for ever
PONG_BYTES_MAX = 65_536  # that a client which pings and never reads may let wait
CONTROLS = Rate(10, 1, burst=100)  # pings and pongs of a socket
CONTROLS_REASON = "too many pings"
LATER_BYTES_MAX = 262_144  # that are listened to once a socket is over
LATER_FRAMES_MAX = 100
HEARS_WHY_S = 1.0  # whoever says more than that isn't heard any more, and may read why

# Each message by itself: a window that is kept from one to the next is 300 kB a client.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=12,
    client_max_window_bits=12,
    compress_settings={"memLevel": 5},
)


class WebSocket(WebSocketsSansIOProtocol):
    """The size of a message is counted as its fragments arrive (``ws_max_size``)."""

    has_head = True
    unread_max_s = 30.0  # a feed's client that is only slow hears why first

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known = connections()
        self.on_ready: Callable[[], None] | None = None
        self._controls = LocalBudgets()
        self._later_bytes = self._later_frames = 0

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
        """``transport``: of `Http`, which has read the handshake."""
        super().connection_made(transport)
        self._socket = cast(Transport, transport)
        self._socket.feed(self._parse, SLICE_BYTES)
        self._known.join(self, origin_of(self.client[0] if self.client else None))

    def connection_lost(self, exc: Exception | None) -> None:
        self._known.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """First the handshake, whole; there are some that HTTP takes and WebSockets don't."""
        if self.handshake_initiated:
            self._socket.arrived(data)
            return
        super().data_received(data)
        if not self.handshake_initiated:
            self._known.breaks_rules(self)
            self.transport.write(last_answer(unreadable("handshake")))
            self.transport.close()

    def _parse(self, data: bytes) -> None:
        if self._is_over:
            self._later_bytes += len(data)
            if self._later_bytes > LATER_BYTES_MAX:
                self._end()
                return
        super().data_received(data)

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

    def send_receive_event_to_app(self) -> None:
        """Text that is none is its sender's mistake, and no fault to log."""
        if self._is_over:
            self.frames = []
            self._count_later()
            return
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA, "text is UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        super().handle_ping()
        self._count_control()
        if self.transport.get_write_buffer_size() > PONG_BYTES_MAX:
            self._end()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        self._count_control()

    def _count_control(self) -> None:
        if self._is_over:
            self._count_later()
            return
        _, is_granted = self._controls.spend(Ask("", CONTROLS))
        if not is_granted:
            self.conn.fail(CloseCode.POLICY_VIOLATION, CONTROLS_REASON)
            self.handle_parser_exception()

    def _count_later(self) -> None:
        self._later_frames += 1
        if self._later_frames == LATER_FRAMES_MAX:
            self._socket.pause_reading()
            self.loop.call_later(HEARS_WHY_S, self._end)

    def _end(self) -> None:
        self._known.breaks_rules(self)
        self.abort()

    def handle_parser_exception(self) -> None:
        self._known.breaks_rules(self)
        super().handle_parser_exception()

    async def send(self, message: Any) -> None:
        is_closing = message["type"] == "websocket.close" and not self.close_sent
        if is_closing and message.get("code") == CloseCode.POLICY_VIOLATION:
            self._known.breaks_rules(self)
        await super().send(message)

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
        self._socket.reset()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
