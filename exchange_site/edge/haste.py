"""A refusal takes its time.

Whoever asks again at once, whatever the answer, would ask the faster the sooner they are refused.
So 401 and 429 go out a little later, from whoever they come. Only the loop waits: a thread is done.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from common.limits.haste import REFUSED_AFTER_S

_UNHURRIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)


class Unhurried:
    """In front of an ASGI application."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_later(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] in _UNHURRIED:
                await asyncio.sleep(REFUSED_AFTER_S)
            await send(message)

        await self._application(scope, receive, send_later)
