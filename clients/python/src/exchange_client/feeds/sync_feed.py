"""A feed for programs that wait."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from exchange_client.errors import ExchangeError
from exchange_client.feeds.account_view import AccountView
from exchange_client.feeds.book import Book
from exchange_client.feeds.events import FeedEvent
from exchange_client.feeds.script import (
    SILENCE_S,
    Ask,
    Connect,
    ConnectionLost,
    FeedScript,
    Receive,
    SendText,
    Step,
    Tell,
)
from exchange_client.http.script import Pause, Steps


class Feed:
    """``for event in feed``; made by `Client.feed`, of one thread. `close` may be called by any."""

    def __init__(self, script: FeedScript, run: Callable[[Steps[Any]], Any]) -> None:
        self._script = script
        self._run = run
        self._steps = script.run()
        self._pending: Step | None = None  # yielded, and not through
        self._socket: ClientConnection | None = None
        self._leaving = ExitStack()
        self._heard_at = 0.0
        self._until = float("inf")
        self._closed = threading.Event()

    @property
    def books(self) -> Mapping[str, Book]:
        return self._script.books

    @property
    def account(self) -> AccountView:
        return self._script.account

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def resync(self) -> None:
        """Begin the account anew, with a snapshot, before the next event."""
        self._script.needs_snapshot = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Says goodbye; whoever waits for an event hears that there are no more."""
        self._closed.set()
        if self._socket is not None:
            self._socket.close()

    def __iter__(self) -> Self:
        return self

    def next(self, timeout_s: float) -> FeedEvent | None:
        """None if there is none in time, and once it is closed."""
        self._until = time.monotonic() + timeout_s
        try:
            return next(self)
        except (_NotInTime, StopIteration):
            return None
        finally:
            self._until = float("inf")

    def __next__(self) -> FeedEvent:
        """Raises ExchangeError for what another try won't mend."""
        came: Any = None
        error: Exception | None = None
        step = self._pending
        while not self._closed.is_set():
            if step is None:
                step = self._steps.send(came) if error is None else self._steps.throw(error)
            if isinstance(step, Tell):
                self._pending = None
                return step.event
            self._pending, came, error = step, None, None
            try:
                came = self._take(step)
            except (ConnectionLost, ExchangeError) as raised:
                error = raised
            self._pending = step = None
        raise StopIteration

    def _take(self, step: Step) -> Any:
        match step:
            case Ask(steps=steps):
                return self._run(steps())
            case Pause(seconds=seconds):
                self._pause(seconds)
                return None
        try:
            return self._speak(step)
        except (OSError, WebSocketException) as error:
            raise ConnectionLost(str(error) or repr(error)) from error

    def _speak(self, step: Step) -> Any:
        if isinstance(step, Connect):
            self._leave()
            self._socket = self._leaving.enter_context(connect(step.url, open_timeout=SILENCE_S))
            self._heard_at = time.monotonic()
            return None
        if self._socket is None:
            raise ConnectionLost("not connected")
        match step:
            case SendText(text=text):
                self._socket.send(text)
            case Receive():
                return self._hear(self._socket)
        return None

    def _hear(self, socket: ClientConnection) -> str | bytes:
        silent_at = self._heard_at + SILENCE_S
        left_s = min(silent_at, self._until) - time.monotonic()
        try:
            text = socket.recv(timeout=max(0.0, left_s))
        except TimeoutError as error:
            if self._until < silent_at:
                raise _NotInTime from error
            raise ConnectionLost(f"nothing was heard for {SILENCE_S} s") from error
        self._heard_at = time.monotonic()
        return text

    def _leave(self) -> None:
        self._socket = None
        self._leaving.close()

    def _pause(self, seconds: float) -> None:
        """Shorter if it is closed meanwhile."""
        left_s = self._until - time.monotonic()
        if left_s < seconds:
            self._closed.wait(max(0.0, left_s))
            raise _NotInTime
        self._closed.wait(seconds)


class _NotInTime(Exception):
    """`Feed.next` gives up for now; the step is taken again by the next turn."""
