from collections.abc import Iterator

import pytest
import redis

from markets.models import Market
from tests.admin.conftest import _redis, client_of, market, module_world, operator, world
from tests.builders.keys import Key, make_ed25519_key, make_key
from tests.feeds.conftest import feeds, running_feeds
from tests.trading.client import Api, Trader, forget_caches, make_market, make_trader, set_ticker
from tests.trading.intake_server import IntakeApi

__all__ = [
    "_redis",
    "client_of",
    "feeds",
    "market",
    "module_world",
    "operator",
    "running_feeds",
    "world",
]


@pytest.fixture
def open_market(redis_db: redis.Redis) -> Iterator[Market]:
    forget_caches()
    opened = make_market()
    set_ticker(redis_db)
    yield opened
    forget_caches()


@pytest.fixture
def trader(open_market: Market) -> Trader:
    return make_trader()


@pytest.fixture(params=["hmac", "ed25519"])
def key(trader: Trader, request: pytest.FixtureRequest) -> Key:
    return make_key(trader) if request.param == "hmac" else make_ed25519_key(trader)


@pytest.fixture(params=["django", "intake"])
def path_to_api(request: pytest.FixtureRequest) -> type[Api]:
    return Api if request.param == "django" else IntakeApi
