"""The feeds' process, as it is started for real, that can be told to begin anew.

A process takes seconds to load what it needs. Tests share one: before each it forgets all it knew,
as a new one would, and its clients are gone.
"""

from typing import Any

from exchange_site import asgi, serve  # Django is set up by it

# isort: split
from accounts.access import refusals as refusing
from accounts.families import known as families
from accounts.keys.known import known_keys
from markets.rules import forget_markets
from tests.feeds import ANEW
from trading.http.limits import forget_limits

# What takes seconds to be heard everywhere is heard sooner here.
families.REFRESH_S = refusing.POSTGRES_REFRESH_S = 0.5


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http" and scope["path"] == ANEW:
        await _begin_anew()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    else:
        await asgi.application(scope, receive, send)


async def _begin_anew() -> None:
    feeds = asgi.feeds
    await feeds.stop()
    feeds._starting = None
    known_keys.forget()
    families.known_families.forget()
    refusing.refusals.forget()
    forget_markets()
    forget_limits()
    await feeds.hub()


def main() -> None:
    serve.APPLICATIONS["feeds"] = f"{__spec__.name}:application"
    serve.main()


if __name__ == "__main__":
    main()
