"""An operator of a running exchange, in this process: what they do is committed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection
from django.test import Client

from tests.admin.factories import make_user

REASON = {"reason": "a test"}


def committed(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """On a connection of its own, outside the test's transaction: other processes must see it."""

    def run() -> Any:
        try:
            return work(*args, **options)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


class Operator:
    """Somebody at the console."""

    def __init__(self, name: str) -> None:
        self._client = Client()
        user = committed(make_user, name, is_staff=True, is_superuser=True)
        committed(self._client.force_login, user)

    def ask(self, url: str, **said: str) -> Any:
        return committed(self._client.post, url, REASON | said)

    def post(self, url: str, **said: str) -> str:
        """Where the answer leads."""
        answer = self.ask(url, **said)
        assert answer.status_code == 302, answer.content.decode()
        return str(answer["Location"])

    def get(self, url: str) -> str:
        answer = committed(self._client.get, url)
        assert answer.status_code == 200, answer.content.decode()
        return str(answer.content.decode())

    def is_settled(self, url: str) -> bool:
        return "data-settled" in self.get(f"{url}?part=body")
