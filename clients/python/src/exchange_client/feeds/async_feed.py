"""A feed for asyncio."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

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


class AsyncFeed:
    """``async for event in feed``; made by `AsyncClient.feed`, of one task. A turn that was
    cancelled, as by a timeout, is taken up again by the next."""

    def __init__(self, script: FeedScript, run: Callable[[Steps[Any]], Awaitable[Any]]) -> None:
        self._script = script
        self._run = run
        self._steps = script.run()
        self._pending: Step | None = None  # yielded, and not through
        self._socket: ClientConnection | None = None
        self._closed = asyncio.Event()

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Says goodbye; whoever waits for an event hears that there are no more."""
        self._closed.set()
        if self._socket is not None:
            await self._socket.close()

    def __aiter__(self) -> Self:
        return self

    async def next(self, timeout_s: float) -> FeedEvent | None:
        """None if there is none in time, and once it is closed."""
        try:
            async with asyncio.timeout(timeout_s):
                return await anext(self)
        except (TimeoutError, StopAsyncIteration):
            return None

    async def __anext__(self) -> FeedEvent:
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
                came = await self._take(step)
            except (ConnectionLost, ExchangeError) as raised:
                error = raised
            self._pending = step = None
        raise StopAsyncIteration

    async def _take(self, step: Step) -> Any:
        match step:
            case Ask(steps=steps):
                return await self._run(steps())
            case Pause(seconds=seconds):
                await self._pause(seconds)
                return None
        try:
            return await self._speak(step)
        except TimeoutError as error:
            raise ConnectionLost(f"nothing was heard for {SILENCE_S} s") from error
        except (OSError, WebSocketException) as error:
            raise ConnectionLost(str(error) or repr(error)) from error

    async def _speak(self, step: Step) -> Any:
        if isinstance(step, Connect):
            await self._leave()
            self._socket = await connect(step.url, open_timeout=SILENCE_S)
            return None
        if self._socket is None:
            raise ConnectionLost("not connected")
        match step:
            case SendText(text=text):
                await self._socket.send(text)
            case Receive():
                async with asyncio.timeout(SILENCE_S):
                    return await self._socket.recv()
        return None

    async def _leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        self._socket = None

    async def _pause(self, seconds: float) -> None:
        """Shorter if it is closed meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
