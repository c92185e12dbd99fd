"""Tasks end, also those that take a cancellation for something else."""

import asyncio

import pytest

from common import cancelling


def test_a_task_that_outlives_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancelling, "AGAIN_AFTER_S", 0.01)
    outlived = 0

    async def stubborn() -> None:
        nonlocal outlived
        while outlived < 3:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                outlived += 1
        await asyncio.sleep(3_600)

    async def run() -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(3_600))]
        await asyncio.sleep(0)
        await cancelling.end(tasks)
        return tasks

    tasks = asyncio.run(run())
    assert (outlived, [task.cancelled() for task in tasks]) == (3, [True, True])
