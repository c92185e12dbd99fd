"""A request that the server's end cuts off is told so."""

import asyncio
from typing import Any

import msgspec

from exchange_site.edge.refusals import RefusedAtTheEnd

SCOPE = {"type": "http", "method": "POST", "path": "/order"}
START = {"type": "http.response.start", "status": 200, "headers": []}


async def cut(first: dict[str, Any] | None) -> list[dict[str, Any]]:
    """All that was sent, to a request that had been answered so far."""
    told: list[dict[str, Any]] = []
    waits = asyncio.Event()

    async def works(_scope: Any, _receive: Any, send: Any) -> None:
        if first is not None:
            await send(first)
        waits.set()
        await asyncio.Event().wait()

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    request = asyncio.create_task(RefusedAtTheEnd(works)(SCOPE, None, send))
    await waits.wait()
    request.cancel()
    await request
    return told


def test_who_has_no_answer_is_told_to_look() -> None:
    start, body = asyncio.run(cut(None))
    assert start["status"] == 503
    said = msgspec.json.decode(body["body"])
    assert said["code"] == "BUSY"
    assert "under the same key" in said["message"]


def test_an_answer_that_has_begun_ends_as_it_is() -> None:
    assert asyncio.run(cut(START)) == [START]
