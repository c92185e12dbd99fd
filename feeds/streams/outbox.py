"""What waits to be sent to one client, in its order, and what becomes of it if the client is slow.

Theory of operation. What is told to many goes out by ticks: all that was told since the last one is
one write per client. What is told to this client alone (answers, its account's events) goes out at
the end of the step of the loop that told it, with all that waits before it. A tick lasts as long as
it takes to write to all, and as long again, so that however many listen the rest of the process has
its turn.

Frames go to the socket itself where it takes them (`feeds.streams.frames`), else through the
server one by one. A socket whose client doesn't read takes nothing. Books, best prices and tickers
are then not kept for it: they are owed, and told as they stand once it reads again, a book by a
snapshot from which its deltas go on. Everything else is kept, up to `MESSAGES_MAX`; a client
further behind is disconnected, which tells it that it missed something: nothing is left out in
silence.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from feeds.streams.frames import FrameWriter, binary_frame, text_frame
from feeds.streams.packing import packed

# About ten seconds of a busy market.
MESSAGES_MAX = 1_000
# So many books and tickers wait for a client before they are owed.
COALESCED_FROM = 100
TICK_S = 0.02
FLUSHED_AT_ONCE = 250  # clients, before other work of the loop has its turn

FRAMES_KEPT = 1_024

Stream = tuple[str, int]  # a channel, and how often at most; 0 for as it comes


class Message(NamedTuple):
    """One for all who hear it. ``stands_for``: the stream which it is of, where its state can be
    told instead."""

    text: str
    stands_for: Stream | None = None


class Flushed(Protocol):
    def flush(self) -> None: ...


class Ticks:
    """Flushes outboxes together; one per process and event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Flushed, None] = {}
        self._is_due = False
        self._next_at = 0.0

    def add(self, listeners: Iterable[Flushed]) -> None:
        """What waits for them goes out with the next tick."""
        self._waiting.update(dict.fromkeys(listeners))
        if not self._is_due and self._waiting:
            self._is_due = True
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, self._next_at - time.monotonic()), self._tick)

    def _tick(self) -> None:
        waiting, self._waiting = list(self._waiting), {}
        self._is_due = False
        self._flush(waiting, 0, time.monotonic())

    def _flush(self, waiting: list[Flushed], start: int, began: float) -> None:
        for one in waiting[start : start + FLUSHED_AT_ONCE]:
            one.flush()
        self._next_at = max(began + TICK_S, 2 * time.monotonic() - began)
        if (after := start + FLUSHED_AT_ONCE) < len(waiting):
            asyncio.get_running_loop().call_soon(self._flush, waiting, after, began)


class Outbox:
    """``send`` sends one message through the server. ``restate`` has to say how a stream stands;
    ``overflow`` is called once too much waits."""

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        writer: FrameWriter | None,
        packs: bool,
        restate: Callable[[Stream], None],
        overflow: Callable[[], None],
    ) -> None:
        self._send = send
        self._writer = writer
        self._packs = packs
        self._restate = restate
        self._overflow = overflow
        self._waiting: list[Message] = []
        self._owed: dict[Stream, None] = {}
        self._is_open = False
        self._is_flush_due = False
        self._is_sending = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    # --- what is told -----------------------------------------------------------------------------

    def offer(self, text: str) -> None:
        """To this client alone: sent soon."""
        self.hear(Message(text))
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def hear(self, message: Message) -> None:
        """To many: sent with the next tick, by which `flush` is called."""
        if message.stands_for in self._owed:
            return
        self._waiting.append(message)
        if len(self._waiting) > COALESCED_FROM and self._is_slow:
            self._fall_behind()

    async def put(self, text: str) -> None:
        """To this client alone, waiting for room."""
        while len(self._waiting) >= MESSAGES_MAX:
            self._room.clear()
            await self._room.wait()
        self.offer(text)

    @property
    def waiting(self) -> int:
        """Messages that the client hasn't taken, and streams that are owed to it."""
        return len(self._waiting) + len(self._owed)

    def forget(self, stream: Stream) -> None:
        """The client doesn't listen to it any more."""
        self._owed.pop(stream, None)

    def _fall_behind(self) -> None:
        """What can be told as it stands is owed; the rest may not be too much."""
        self._owed |= dict.fromkeys(one.stands_for for one in self._waiting if one.stands_for)
        self._waiting = [one for one in self._waiting if one.stands_for is None]
        if len(self._waiting) > MESSAGES_MAX:
            self._waiting.pop()
            self._overflow()

    @property
    def _is_slow(self) -> bool:
        """Its client doesn't read now."""
        return self._is_sending if self._writer is None else not self._writer.is_ready

    # --- what goes out ----------------------------------------------------------------------------

    def flush(self) -> None:
        """As far as the client reads."""
        self._is_flush_due = False
        if self._writer is None:
            self._news.set()
            return
        if not self._is_open or not self._waiting or not self._writer.is_ready:
            return
        taken = self._take()
        self._writer.write_frames(b"".join([framed(one.text, self._packs) for one in taken]))
        if self._owed and self._writer.is_ready:
            self._pay()

    async def run(self) -> None:
        """While the connection is open. Where its socket takes frames it only waits."""
        self._is_open = True
        if self._writer is not None:
            self._writer.on_ready = self.flush
        self.flush()
        while True:
            await self._news.wait()
            self._news.clear()
            self._is_sending = True
            for message in self._take():
                await self._send(message.text)
            self._is_sending = False
            self._pay()

    def close(self) -> None:
        self._is_open = False
        if self._writer is not None:
            self._writer.on_ready = None

    def _take(self) -> list[Message]:
        taken, self._waiting = self._waiting, []
        self._room.set()
        return taken

    def _pay(self) -> None:
        """What was owed is told as it stands; what follows from then on is appended behind it."""
        owed, self._owed = self._owed, {}
        for stream in owed:
            self._restate(stream)


@lru_cache(maxsize=FRAMES_KEPT)
def framed(text: str, packs: bool) -> bytes:
    """Made once for all who hear it about now."""
    return binary_frame(packed(text)) if packs else text_frame(text.encode())
