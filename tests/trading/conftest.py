from collections.abc import Iterator

import pytest
import redis

from markets.models import Market
from tests.trading.client import Trader, forget_caches, make_market, make_trader, set_ticker
from tests.trading.intake_server import IntakeApi


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
    """Rows of one test must not answer in the next."""
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def market(db: None, redis_db: redis.Redis) -> Market:
    """BTC-PERP, open, marked at 25,000. Its engine is the test."""
    market = make_market()
    set_ticker(redis_db)
    redis_db.delete("orders:input:{BTC-PERP}")
    return market


@pytest.fixture
def server() -> str:
    """What answers the trader; modules that try both override it."""
    return "django"


@pytest.fixture
def trader(market: Market, server: str) -> Trader:
    """With 10,000 available."""
    trader = make_trader()
    if server == "intake":
        trader.api = IntakeApi(trader.api.token)
    return trader
