"""The end of a coroutine's own tasks."""

import asyncio
from collections.abc import Iterable

AGAIN_AFTER_S = 1.0


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels tasks until they have ended.

    Once need not do: a library that is cancelled while it tidies up may raise an error of its own
    instead, which a task that outlives errors takes for an outage.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_AFTER_S)
