"""The demo's chain in this process: blocks come when a test asks for them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from custody.demo import FLOAT_UNITS
from custody.demo.chain import CALM, Temper
from custody.demo.chain.process import Chain, Options

TOKEN, SECRET = "for tests: custody's token", "for tests: the secret of webhooks"


@cache
def _client() -> httpx.Client:
    return httpx.Client()


@contextmanager
def played_chain(folder: Path, settings: Any, temper: Temper = CALM) -> Iterator[Chain]:
    """On a free port, and our settings name it. The chain of a folder goes on where it ended: of
    one exchange there can be no other, as custody's news are numbered."""
    chain = Chain(
        Options(
            port=0,
            path=folder / "chain.sqlite",
            float_units=FLOAT_UNITS,
            token=TOKEN,
            secret=SECRET,
            webhook="",
            temper=temper,
            block_s=0,
            seed=7,
        )
    )
    chain.open()
    settings.DEMO_CHAIN_URL = chain.url
    settings.CUSTODY_TOKEN, settings.CUSTODY_WEBHOOK_SECRETS = TOKEN, [SECRET]
    settings.CUSTODY_NETWORKS = ["demo", "manual"]
    try:
        yield chain
    finally:
        chain.close()


def call(chain: Chain, method: str, path: str, body: Any = None) -> Any:
    """As custody's client does, without its guards."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = _client().request(method, chain.url + path, json=body, headers=headers)
    assert answer.is_success, answer.text
    return json.loads(answer.content)


def send_in(chain: Chain, address: str, amount: object, **fields: Any) -> str:
    """From outside; it waits for a block."""
    body = {"to": address, "amount": amount} | fields
    return str(call(chain, "POST", "/transfers", body)["id"])


def blocks(chain: Chain, count: int = 1) -> None:
    for _ in range(count):
        chain.blocks.next_block()


def all_news(chain: Chain) -> list[dict[str, Any]]:
    return chain.state.news(0, 1_000)
