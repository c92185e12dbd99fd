"""Reads that wait on several servers at once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial

import pytest

from common.redis.first_answers import FirstAnswers

Questions = dict[Hashable, Callable[[], Awaitable[str]]]


async def answer(asked: list[str], name: str, news: asyncio.Event) -> str:
    asked.append(name)
    await news.wait()
    return name


def test_one_that_has_nothing_yet_goes_on_waiting() -> None:
    async def scenario() -> None:
        asked: list[str] = []
        news = {name: asyncio.Event() for name in "ab"}
        ask: Questions = {name: partial(answer, asked, name, one) for name, one in news.items()}
        waiting = FirstAnswers()
        news["a"].set()
        assert await waiting.first(ask) == ["a"]
        news["b"].set()
        assert set(await waiting.first(ask)) <= {"a", "b"}
        assert asked.count("b") == 1
        waiting.close()

    asyncio.run(scenario())


def test_a_question_that_is_another_by_now_is_forgotten() -> None:
    async def scenario() -> None:
        asked: list[str] = []
        never, news = asyncio.Event(), asyncio.Event()
        waiting = FirstAnswers()
        news.set()
        first: Questions = {
            "a1": partial(answer, asked, "a1", never),
            "b": partial(answer, asked, "b", news),
        }
        assert await waiting.first(first) == ["b"]
        assert await waiting.first({"a2": partial(answer, asked, "a2", news)}) == ["a2"]
        assert asked == ["a1", "b", "a2"]
        assert len(asyncio.all_tasks()) <= 2  # this one, and one that is being cancelled

    asyncio.run(scenario())


def test_a_fault_is_raised_and_asked_again() -> None:
    async def fail() -> str:
        raise ConnectionError("gone")

    async def scenario() -> None:
        waiting = FirstAnswers()
        with pytest.raises(ConnectionError):
            await waiting.first({"a": fail})
        news = asyncio.Event()
        news.set()
        assert await waiting.first({"a": partial(answer, [], "a", news)}) == ["a"]

    asyncio.run(scenario())
