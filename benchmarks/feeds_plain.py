"""The feeds' process, whose sockets take no frames: each message goes to each client by itself,
through the server, as on a server that is not ours. As `exchange_site.serve` otherwise.
"""

from typing import Any

from exchange_site import asgi, serve  # Django is set up by it

# isort: split
from feeds.streams.frames import EXTENSION


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        scope["extensions"].pop(EXTENSION, None)
    await asgi.application(scope, receive, send)


def main() -> None:
    serve.APPLICATIONS["feeds"] = f"{__spec__.name}:application"
    serve.main()


if __name__ == "__main__":
    main()
