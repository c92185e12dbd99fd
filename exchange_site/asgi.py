"""⑥ The feeds' entry point: WebSockets at /ws and nothing else; no URL of Django's is served here.

The HTTP API, and the feeds beside it, are served by `exchange_site.api_server`.
"""

import os
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "exchange_site.fewer_apps.feeds"
django.setup()

from common.errors import DomainError, ErrorCode  # noqa: E402  Django must be set up first
from common.postgres.waiting import limit_waiting  # noqa: E402
from exchange_site.edge.refusals import refuse  # noqa: E402
from exchange_site.edge.versions import without_version  # noqa: E402
from exchange_site.serve import end_with_main  # noqa: E402
from feeds.app import Feeds  # noqa: E402

end_with_main()
limit_waiting()
feeds = Feeds()
_nothing_here = DomainError(
    ErrorCode.NOT_FOUND, "There are feeds here and nothing else: a WebSocket at /ws."
)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await feeds.lifespan(receive, send)
    elif scope["type"] == "websocket":
        await feeds.websocket(without_version(scope), receive, send)
    else:
        await refuse(send, _nothing_here, (b"connection", b"close"))
