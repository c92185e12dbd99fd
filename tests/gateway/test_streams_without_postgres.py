"""Streams are named while Postgres is away: those known go on, and nobody is cut off."""

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from gateway.streams import hub as hubs
from gateway.streams.hub import StreamHub
from gateway.streams.names import StreamKind, StreamTopic


def test_an_unknown_name_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: Any) -> Any:
        raise OperationalError("away")

    async def script() -> dict[str, StreamTopic | None]:
        redis: Any = None  # nothing is asked of it here
        return await StreamHub(redis).topics(["nopeusdt@trade", "!bookTicker"])

    monkeypatch.setattr(hubs, "listed_markets", away)
    found = asyncio.run(script())
    assert found == {"nopeusdt@trade": None, "!bookTicker": StreamTopic(StreamKind.BOOK_TICKER, "")}
