"""Order intake in front of Django in this process, spoken to in ASGI, for tests of both paths."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterable
from http import cookies
from typing import Any, TypeVar
from urllib.parse import unquote

from a2wsgi import WSGIMiddleware
from django.db import connection
from django.test import Client

from exchange_site.wsgi import application as django_application
from tests.patience import PATIENCE_S
from tests.trading.client import Answer, Api
from trading.intake.app import Intake

Anything = TypeVar("Anything")


def _django(environ: Any, start_response: Any) -> Iterable[bytes]:
    """As it is, but its thread leaves no connection behind."""
    try:
        response = django_application(environ, start_response)
        body = b"".join(response)
        response.close()
    finally:
        connection.close()
    return [body]


class IntakeServer:
    """A loop in a thread of its own, until `stop`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.intake = Intake(WSGIMiddleware(_django, workers=2))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Anything]) -> Anything:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def stop(self) -> None:
        self.run(self.intake.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def ask(self, scope: dict[str, Any], data: bytes) -> tuple[int, dict[str, str], bytes]:
        """A request as a server passes it on: the body in two pieces."""
        half = len(data) // 2
        pieces = [
            {"type": "http.request", "body": data[:half], "more_body": True},
            {"type": "http.request", "body": data[half:], "more_body": False},
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return pieces.pop(0) if pieces else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.intake(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:])


class IntakeApi(Api):
    """`Api`, through order intake: the one given, or one made for each request, as if each came to
    another process."""

    def __init__(self, token: str | None = None, server: IntakeServer | None = None) -> None:
        super().__init__(token)
        self.server = server
        self._client: Client
        self.headers: dict[str, str] = {}

    def send(self, method: str, path: str, data: bytes = b"", **headers: str) -> Answer:
        if self.token is not None:
            headers.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.token}")
        scope = scope_of(method, path, data, headers, self._client.cookies)
        server = self.server or IntakeServer()
        try:
            status, self.headers, body = server.run(server.ask(scope, data))
        finally:
            if self.server is None:
                server.stop()
        is_json = self.headers["content-type"].startswith("application/json")
        return Answer(status, json.loads(body) if is_json and body else None)


def scope_of(
    method: str, path: str, data: bytes, headers: dict[str, str], jar: cookies.SimpleCookie
) -> dict[str, Any]:
    """Headers in Django's names; an empty one is not sent."""
    named = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data))} | headers
    named |= {"HTTP_HOST": named.get("HTTP_HOST", "localhost")}
    if jar:
        named["HTTP_COOKIE"] = jar.output(header="", sep=";").strip()
    where, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": unquote(where),
        "query_string": query.encode(),
        "http_version": "1.1",
        "headers": [
            (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), value.encode())
            for name, value in named.items()
            if value
        ],
    }
