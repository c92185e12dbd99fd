"""Answers, counted by status as they begin."""

import time
from typing import Any

from common.metrics.measures import HTTP_ANSWERS, HTTP_SECONDS


class Counted:
    """An ASGI application in front of another."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._by_status: dict[int, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began_s = time.perf_counter()

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                HTTP_SECONDS.observe(time.perf_counter() - began_s)
                self._counter(message["status"]).inc()
            await send(message)

        await self._application(scope, receive, sending)

    def _counter(self, status: int) -> Any:
        if status not in self._by_status:
            self._by_status[status] = HTTP_ANSWERS.labels(str(int(status)))
        return self._by_status[status]
