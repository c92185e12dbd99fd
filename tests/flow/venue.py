"""Clients of the venue, unmodified: pointed at an exchange of ours, nothing of them elsewhere."""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import ccxt
import httpx

from matching.messages.vocabulary import OrderStatus
from tests.flow.exchange import PASSWORD, Exchange, Trader, wait_for
from tests.patience import PATIENCE_S
from trading.models import Order, OutboxCommand

Answer = TypeVar("Answer")

SYMBOL = "BTC/USDT:USDT"
BUY = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "48000",
}
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

    def settle(self) -> None:
        """Until all is written down that was asked for, however busy the machine is. (The gateway
        waits for it, too, before it answers a read, but for half a second at most.)"""
        user_id = self.trader.user_id
        asked = OutboxCommand.objects.filter(created_by_id=user_id, applied_seq=None)
        pending = Order.objects.filter(user_id=user_id, status=OrderStatus.PENDING)
        wait_for(lambda: not asked.exists() and not pending.exists(), "what was asked for")

    def settled(self, send: Callable[..., Answer]) -> Callable[..., Answer]:
        """What a client sends with, but the client goes on once all is written down."""

        def send_and_settle(*args: Any, **options: Any) -> Answer:
            try:
                return send(*args, **options)
            finally:
                self.settle()

        return send_and_settle

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


def rest_an_ask(new_trader: Callable[..., Trader]) -> Trader:
    """Half a lot at 50,000 that every reader of the book sees; its owner."""
    maker = new_trader("100000")
    maker.wait_until(maker.place("SHORT", "0.5", "50000"), "open")
    maker.exchange.wait_for_book(asks=[["50000", "0.5"]])
    return maker


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
    calls = streams.replace("/fstream/ws", "/ws-fapi/v1")
    client.urls["api"] = addresses | {"ws": {"linear": streams, "ws-api": {"linear": calls}}}
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
    client.fetch = account.settled(client.fetch)
    return configure(client, account.trader.exchange)
