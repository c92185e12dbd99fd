"""⑥ The ASGI entry point: WebSockets go to the feeds, anything else to Django.

The HTTP API itself is served by `exchange_site.api_server`.
"""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
django_application = get_asgi_application()

from trading.feeds.app import Feeds  # noqa: E402  Django must be set up first

feeds = Feeds()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await feeds.lifespan(receive, send)
    elif scope["type"] == "websocket":
        await feeds.websocket(scope, receive, send)
    else:
        await django_application(scope, receive, send)
