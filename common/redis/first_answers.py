"""Reads that wait on several servers at once, on an event loop: whichever answers first.

Redis waits for news of many streams in one call only where it has them all. Elsewhere each is
waited for by a task of its own, and those that have nothing yet are not asked again: they go on
waiting behind the next call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class FirstAnswers:
    """Of one reader."""

    def __init__(self) -> None:
        self._open: dict[Hashable, asyncio.Future[Any]] = {}

    async def first(
        self, asked: Mapping[Hashable, Callable[[], Awaitable[Answer]]]
    ) -> list[Answer]:
        """Of all that have answered once one has. A key stands for one question: what was asked
        under another is forgotten. Raises what the first of them raised."""
        for key in self._open.keys() - asked.keys():
            self._open.pop(key).cancel()
        for key, ask in asked.items():
            if key not in self._open:
                self._open[key] = asyncio.ensure_future(ask())
        done, _ = await asyncio.wait(self._open.values(), return_when=asyncio.FIRST_COMPLETED)
        self._open = {key: task for key, task in self._open.items() if task not in done}
        faults = [error for task in done if (error := task.exception()) is not None]
        if faults:
            raise faults[0]
        return [task.result() for task in done]

    def close(self) -> None:
        for task in self._open.values():
            task.cancel()
        self._open.clear()
