"""The Python of docs/api.md under "Keys" signs what the API takes."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

import msgspec
import pytest
import redis
from django.conf import settings

from tests.builders.keys import make_key
from tests.trading.client import Answer, Api, forget_caches, make_market, make_trader, set_ticker
from tests.trading.intake_server import IntakeApi

pytestmark = pytest.mark.django_db(transaction=True)

LINES_MAX = 10


def example() -> str:
    text = (Path(settings.BASE_DIR) / "docs/api.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return str(code)


@pytest.mark.parametrize("path_to_api", [Api, IntakeApi])
def test_the_example_trades(
    path_to_api: type[Api], redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_market()
    set_ticker(redis_db)
    key = make_key(make_trader())
    answers: list[Answer] = []

    def send(request: Request) -> Any:
        """As `urlopen`, to the API in this process."""
        url = urlsplit(request.full_url)
        target = url.path + (f"?{url.query}" if url.query else "")
        headers = {
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in request.header_items()
            if name.startswith("X-")
        }
        body = request.data if isinstance(request.data, bytes) else b""
        answers.append(path_to_api().send(str(request.method), target, body, **headers))
        return _Read(answers[-1])

    monkeypatch.setattr("urllib.request.urlopen", send)
    names = {"KEY": key.public_id, "SECRET": key.secret, "SITE": "http://localhost"}
    exec(example(), names)
    assert [answer.status for answer in answers] == [202, 200]
    assert answers[1].body["orders"][0]["id"] == answers[0].body["orderId"]
    forget_caches()


def test_it_is_short() -> None:
    function = example().partition("\ndef ")[2].partition("\n\n")[0]
    assert len(function.splitlines()) <= LINES_MAX


class _Read:
    def __init__(self, answer: Answer) -> None:
        self._text = msgspec.json.encode(answer.body)

    def read(self) -> bytes:
        return self._text
