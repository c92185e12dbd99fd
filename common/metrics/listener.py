"""A port on which a process shows what it counted: ``GET /metrics``, with MONITOR_TOKEN.

One thread, one request at a time, each read within seconds: whoever asks slowly keeps the next
scrape waiting, and no order.
"""

import hmac
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import structlog
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from common.metrics.shared import forget_the_dead, shared_folder

PATH = "/metrics"
READ_WITHIN_S = 5.0

log = structlog.get_logger(__name__)


class MetricsRefused(Exception):
    """Nothing can be shown; the text says why, for whoever starts the process."""


def show_metrics(*looked_up: Collector) -> None:
    """From now on, where METRICS_PORT says so. ``looked_up`` are asked at each scrape, besides.
    Raises MetricsRefused."""
    if not settings.METRICS_PORT:
        return
    if not settings.MONITOR_TOKEN:
        raise MetricsRefused("METRICS_PORT needs MONITOR_TOKEN: whoever scrapes has to show it.")
    try:
        server = _Server((settings.METRICS_HOST, settings.METRICS_PORT), _Handler)
    except OSError as error:
        where = f"{settings.METRICS_HOST}:{settings.METRICS_PORT}"
        raise MetricsRefused(f"can't show metrics at {where}: {error.strerror}") from error
    server.looked_up = looked_up
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _Server(HTTPServer):
    looked_up: Sequence[Collector] = ()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.warning("metrics_not_shown", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = READ_WITHIN_S

    def do_GET(self) -> None:
        if self.path != PATH:
            self._answer(HTTPStatus.NOT_FOUND, b"Only /metrics is here.\n")
        elif not self._may_see():
            self._answer(HTTPStatus.UNAUTHORIZED, b"Send Authorization: Bearer MONITOR_TOKEN.\n")
        else:
            self._answer(HTTPStatus.OK, exposition(self.server.looked_up), CONTENT_TYPE_LATEST)

    def _may_see(self) -> bool:
        given = self.headers.get("Authorization", "")
        expected = f"Bearer {settings.MONITOR_TOKEN}"
        return hmac.compare_digest(given.encode("latin-1"), expected.encode())

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """A scrape is no news."""


def exposition(looked_up: Sequence[Collector] = ()) -> bytes:
    """What this process has counted, and those it counts with; then what is looked up."""
    folder = shared_folder()
    counted: CollectorRegistry = REGISTRY
    if folder is not None:
        forget_the_dead(folder)
        counted = CollectorRegistry()
        MultiProcessCollector(counted, path=str(folder))  # type: ignore[no-untyped-call]
    beside = CollectorRegistry()
    for collector in looked_up:
        beside.register(collector)
    return generate_latest(counted) + generate_latest(beside)
