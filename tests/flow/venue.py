"""Clients of the venue, unmodified: pointed at an exchange of ours, nothing of them elsewhere."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import ccxt
import httpx

from tests.flow.exchange import PASSWORD, Exchange, Trader
from tests.patience import PATIENCE_S

SYMBOL = "BTC/USDT:USDT"
TIMEOUT_MS = int(PATIENCE_S * 1_000)


@dataclass
class Account:
    """A trader with an API key of their own."""

    trader: Trader
    key: str
    secret: str

    @property
    def url(self) -> str:
        return self.trader.exchange.url

    @property
    def streams_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/fstream"

    def signed(self, method: str, path: str, **params: Any) -> httpx.Response:
        """As the venue's documents say, all of it in the query."""
        return self.send(method, path, self.query(**params))

    def query(self, **params: Any) -> str:
        asked = {"timestamp": time.time_ns() // 1_000_000, "recvWindow": 60_000} | params
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"{query}&signature={self.sign(query)}"

    def sign(self, payload: str) -> str:
        return hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    def send(self, method: str, path: str, query: str = "", **options: Any) -> httpx.Response:
        headers = {"X-MBX-APIKEY": self.key} | options.pop("headers", {})
        url = f"{path}?{query}" if query else path
        return self.trader.exchange.http.request(method, url, headers=headers, **options)


def make_account(trader: Trader, **fields: Any) -> Account:
    body = {"name": "bot", "password": PASSWORD, "permissions": ["read", "trade"]} | fields
    answer = trader.send("POST", "/user/keys", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Account(trader, made["key"]["key"], made["secret"])


def configure(client: Any, exchange: Exchange) -> Any:
    """A ccxt client, sync, async or pro: every address of it is ours."""
    url = exchange.url
    nowhere = f"{url}/not-here"
    addresses = {name: nowhere for name, one in client.urls["api"].items() if isinstance(one, str)}
    for version in ("", "V2", "V3"):
        path = f"{url}/fapi/{version.lower() or 'v1'}"
        addresses |= {f"fapiPublic{version}": path, f"fapiPrivate{version}": path}
    addresses |= {"fapiData": f"{url}/futures/data", "sapi": f"{url}/sapi/v1"}
    streams = f"{url.replace('http', 'ws', 1)}/fstream/ws"
    client.urls["api"] = addresses | {"ws": {"linear": streams, "ws-api": {"linear": nowhere}}}
    client.exceptions["exact"].update(client.exceptions["linear"]["exact"])
    return client


def ccxt_options(account: Account) -> dict[str, Any]:
    return {
        "apiKey": account.key,
        "secret": account.secret,
        "timeout": TIMEOUT_MS,
        "enableRateLimit": False,
        "options": {"fetchCurrencies": False, "recvWindow": 60_000},
    }


def ccxt_client(account: Account) -> Any:
    client = ccxt.binanceusdm(ccxt_options(account))
    return configure(client, account.trader.exchange)
