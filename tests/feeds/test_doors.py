"""Where the feeds can be reached, and by whom: on a port of their own, and on the API's."""

import subprocess
import sys

import httpx
import pytest
from django.conf import settings
from websockets.exceptions import InvalidStatus

from feeds.app import CONNECTIONS_PER_ADDRESS_MAX, refusal
from tests.feeds.conftest import (
    MARKET,
    Feeds,
)
from tests.patience import PATIENCE_S


@pytest.mark.parametrize(
    ("path", "headers", "is_allowed"),
    [
        ("/ws", {"host": "localhost"}, True),
        ("/ws", {"host": "127.0.0.1:8001", "origin": "http://localhost:3000"}, True),
        ("/ws", {"host": "[::1]:8001"}, True),
        ("/ws", {"host": "localhost", "origin": "https://trusted.example"}, True),
        ("/ws/", {"host": "localhost"}, False),
        ("/ws", {}, False),
        ("/ws", {"host": "evil.example"}, False),
        ("/ws", {"host": "localhost", "origin": "null"}, False),
        ("/ws", {"host": "localhost", "origin": "http://evil.example"}, False),
        ("/ws", {"host": "localhost", "origin": "http://localhost.evil.example"}, False),
        ("/ws", {"host": "localhost", "origin": "http://["}, False),
    ],
)
def test_the_rules_of_the_api_hold(
    path: str, headers: dict[str, str], is_allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    monkeypatch.setattr(settings, "CSRF_TRUSTED_ORIGINS", ["https://trusted.example"])
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert (refusal({"path": path, "headers": sent}) is None) is is_allowed


def test_the_feeds_port_serves_feeds_alone(feeds: Feeds) -> None:
    site = feeds.url.replace("ws://", "http://").removesuffix("/ws")
    for path in ("/", "/admin/", "/admin/login/", "/health", "/markets", "/schema", "/ws"):
        for method in ("GET", "POST"):
            answer = httpx.request(method, f"{site}{path}", timeout=PATIENCE_S)
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_the_feeds_process_loads_no_admin() -> None:
    says = "import exchange_site.asgi, sys; print([m for m in sys.modules if m == 'trading.admin'])"
    told = subprocess.run(
        [sys.executable, "-c", says], cwd=settings.BASE_DIR, capture_output=True, check=True
    )
    assert told.stdout.strip() == b"[]"


def test_an_address_may_have_so_many(feeds: Feeds) -> None:
    for _ in range(CONNECTIONS_PER_ADDRESS_MAX):
        feeds.connect().say(op="subscribe", channels=[f"book:{MARKET}"])
    with pytest.raises(InvalidStatus):
        feeds.connect()
