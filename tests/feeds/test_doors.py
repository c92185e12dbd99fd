"""Where the feeds can be reached, and by whom: on a port of their own, and on the API's."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import User
from exchange_site.embedded.parts import api_command
from feeds.app import CONNECTIONS_PER_ADDRESS_MAX, refusal
from tests.feeds.conftest import (
    MARKET,
    Feeds,
    accepted,
    add_markets,
    drain,
    serving,
    subscribed_account,
)
from tests.patience import PATIENCE_S


@pytest.fixture
def api(transactional_db: None, redis_db: redis.Redis, tmp_path: Path) -> Iterator[Feeds]:
    add_markets()
    with serving(settings.REDIS_URL, redis_db, tmp_path / "api.log", api_command) as served:
        yield served


def test_one_address_is_enough(api: Feeds) -> None:
    """Book, account and HTTP at the API's port; on SIGTERM it ends, with clients connected."""
    user = User.objects.create_user("alice", password="a long enough secret")
    ear, _ = subscribed_account(api, user)
    api.write_entry(1, accepted(1, user.pk))
    assert ear.hear()["seq"] == 1
    api.write_depth(5, [(500_000, 10)], [])
    assert ear.ask(op="subscribe", channels=[f"book:{MARKET}"])["op"] == "subscribed"
    assert ear.hear()["type"] == "snapshot"
    site = api.url.replace("ws://", "http://").removesuffix("/ws")
    asked = httpx.post(f"{site}/order", json={}, timeout=PATIENCE_S)
    assert asked.json()["code"] == "NOT_AUTHENTICATED"
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        with pytest.raises(InvalidStatus) as refused:
            api.connect(additional_headers=headers)
        assert refused.value.response.status_code == 403
    api.process.terminate()
    with pytest.raises(ConnectionClosed):
        drain(ear)
    api.process.wait(PATIENCE_S)


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
