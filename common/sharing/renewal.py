"""One reading for all who ask for it meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable

NEVER = float("-inf")


class Renewal:
    """``read`` happens at most every so often, and whoever awaits ``done`` is let go by one that
    began after he asked."""

    def __init__(self, read: Callable[[], Awaitable[None]], every_s: float) -> None:
        self._read = read
        self._every_s = every_s
        self._read_at = NEVER
        self._next: asyncio.Task[None] | None = None

    async def done(self) -> None:
        """Raises what ``read`` does."""
        if self._next is None:
            self._next = asyncio.create_task(self._renew())
        await asyncio.shield(self._next)

    async def _renew(self) -> None:
        await asyncio.sleep(max(0.0, self._read_at + self._every_s - time.monotonic()))
        self._next, self._read_at = None, time.monotonic()
        await self._read()
