"""① The API's entry point: order intake in front, everything else to Django.

Django's views are sync; they run in a few threads of the process, as under a WSGI server, and
cost about the same. Under Django's own ASGI handler they would cost twice as much. Django alone is
served by `exchange_site.wsgi`.
"""

import os
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
django_application: Any = get_wsgi_application()

from trading.intake.app import Intake  # noqa: E402  Django must be set up first

THREADS = 4  # they wait for Postgres while others compute; each keeps a connection

_threads = WSGIMiddleware(django_application, workers=THREADS)


async def _django(scope: Any, receive: Any, send: Any) -> None:
    async def read() -> Any:  # granian's own answers a future; the bridge wants a coroutine
        return await receive()

    await _threads(scope, read, send)


application = Intake(_django)
