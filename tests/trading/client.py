"""A trader behind the HTTP API, and a market that has a price, without an engine."""

import itertools
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import redis
from django.test import Client

from accounts.access.refusals import refusals
from accounts.access.tokens import access_token
from accounts.families.known import known_families
from accounts.keys.known import known_keys
from accounts.keys.replays import replays
from accounts.law.standing import standing
from accounts.models import User
from common.limits.budgets import forget_local_budgets
from common.redis_client import redis_client
from ledger.services import deposit
from markets.models import LeverageTier, Market
from markets.rules import forget_markets
from matching.messages.codec import decode_command
from matching.messages.limits import MAX_ID
from matching.messages.streams import COMMAND_FIELD, Ticker, input_stream, ticker_key
from matching.messages.vocabulary import MarketState
from tests.builders.markets import build_market
from trading import services
from trading.day_figures import forget_day_figures
from trading.http.limits import forget_limits

PASSWORD = "correct horse battery"
_names = itertools.count(1)


@dataclass
class Answer:
    status: int
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["code"])


class Api:
    """JSON over Django's test client; what a view raises is answered 500, as in production."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self._client = Client(raise_request_exception=False)

    def send(self, method: str, path: str, data: bytes = b"", **headers: str) -> Answer:
        if self.token is not None:
            headers.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.token}")
        content_type = headers.pop("CONTENT_TYPE", "application/json")
        answer = self._client.generic(method, path, data, content_type, **headers)  # type: ignore[arg-type]
        if method == "HEAD":
            return Answer(answer.status_code, None)
        is_json = answer.headers["Content-Type"].startswith("application/json")
        return Answer(answer.status_code, json.loads(answer.getvalue()) if is_json else answer)

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        return self.send("POST", path, json.dumps(body).encode())

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)


@dataclass
class Trader:
    api: Api
    user: User
    refresh: str

    def place(self, **fields: Any) -> Answer:
        return self.api.post("/order", order_body(**fields))


def token_of(user_id: int, lifetime: timedelta | None = None) -> str:
    """An access token of a session that nobody ends, since it has no row."""
    return access_token(user_id, MAX_ID, lifetime)


def order_body(**fields: Any) -> dict[str, Any]:
    """A good limit order; fields given as None are left out."""
    body = {
        "marketId": "BTC-PERP",
        "side": "LONG",
        "qty": "0.5",
        "orderType": "limit",
        "price": "25000",
        "margin": "2500",
    } | fields
    return {name: value for name, value in body.items() if value is not None}


def make_trader(funds_units: int = 10_000_000_000) -> Trader:
    name = f"trader{next(_names)}"
    answer = Api().post("/auth/signup", {"username": name, "password": PASSWORD})
    assert answer.status == 201, answer
    user = User.objects.get(pk=answer.body["userId"])
    if funds_units:
        deposit(user.pk, funds_units, approved=True)
    return Trader(Api(answer.body["token"]), user, answer.body["refresh"])


def make_market(market_id: str = "BTC-PERP") -> Market:
    """Configured; not yet applied by an engine."""
    market = build_market(
        market_id, min_size_lots=2, min_notional_units=60_000_000, liquidation_fee_ppm=1_000
    )
    services.configure_market(market, by=None, tiers=make_tiers())
    return market


def make_tiers() -> list[LeverageTier]:
    """50x up to 1,000,000, then 10x."""
    return [
        LeverageTier(floor_units=0, max_leverage=50, maintenance_ppm=10_000),
        LeverageTier(floor_units=1_000_000_000_000, max_leverage=10, maintenance_ppm=50_000),
    ]


def set_ticker(client: redis.Redis, market_id: str = "BTC-PERP", **fields: Any) -> None:
    values: dict[str, Any] = {
        "seq": 7,
        "time_ms": 1,
        "state": MarketState.ACTIVE,
        "mark_price_ticks": 250_000,
        "index_price_ticks": 250_010,
        "last_price_ticks": 0,
        "best_bid_ticks": 0,
        "best_ask_ticks": 0,
        "open_interest_lots": 0,
    }
    ticker = Ticker(**values | fields)
    client.set(ticker_key(market_id), msgspec.json.encode(ticker))
    forget_caches()


def forget_caches() -> None:
    forget_markets()
    forget_day_figures()
    refusals.forget()
    known_keys.forget()
    known_families.forget()
    replays.forget()
    standing.forget()
    forget_limits()
    forget_local_budgets()


def forget_limits_used() -> None:
    """What was sent so far counts for no limit any more."""
    forget_caches()
    client = redis_client()
    used: Any = client.keys("limits:*")
    if used:
        client.delete(*used)


def sent_commands(client: redis.Redis, market_id: str = "BTC-PERP") -> list[Any]:
    """All commands that the market's input stream has, oldest first."""
    entries: Any = client.xrange(input_stream(market_id))
    return [decode_command(fields[COMMAND_FIELD]) for _, fields in entries]
