"""Stands where an exchange would: answers what a test has written down, and remembers what it was
asked. One double serves the sync and the async client, so that each test is of both."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
from exchange_client import AsyncClient, Client, Credentials, Retries
from exchange_client.calls.call import Call

QUICK = Retries(tries=4, first_s=0.0)
URL = "https://exchange.example"

Reply = httpx.Response | Exception


def reply(status: int, body: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body, headers=named)


def refusal(status: int, code: str, **more: Any) -> httpx.Response:
    return reply(status, {"message": "no", "code": code, **more})


class Double:
    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.replies.pop(0)
        if isinstance(answer, Exception):
            raise answer
        # Its own each time: who read it, and how, stays with it.
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def paths(self) -> list[str]:
        return [request.url.path.removeprefix("/v1") for request in self.asked]

    def bodies(self) -> list[Any]:
        return [json.loads(request.content or b"null") for request in self.asked]


Send = Callable[[Double, Credentials | None, Call[Any]], Any]


def send_sync(double: Double, credentials: Credentials | None, call: Call[Any]) -> Any:
    http = httpx.Client(transport=httpx.MockTransport(double))
    return Client(URL, credentials, retries=QUICK, http=http).send(call)


def send_async(double: Double, credentials: Credentials | None, call: Call[Any]) -> Any:
    async def send() -> Any:
        http = httpx.AsyncClient(transport=httpx.MockTransport(double))
        async with AsyncClient(URL, credentials, retries=QUICK, http=http) as client:
            return await client.send(call)

    return asyncio.run(send())
