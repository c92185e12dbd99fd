from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.admin.conftest import client_of, operator
from tests.builders.factors import App, SecurityKey, make_app
from tests.trading.client import Trader, forget_caches, make_trader

__all__ = ["client_of", "operator"]


@pytest.fixture(autouse=True)
def _counts(redis_db: redis.Redis) -> Iterator[None]:
    forget_caches()
    yield
    forget_caches()


@pytest.fixture(autouse=True)
def _minutes(settings: Any) -> None:
    """As long as a factor is fresh where nobody says otherwise."""
    settings.FRESH_FACTOR_S = 300


@pytest.fixture
def trader(db: None) -> Trader:
    return make_trader(funds_units=0)


@pytest.fixture
def app(trader: Trader) -> App:
    return make_app(trader.user)


@pytest.fixture
def security_key(trader: Trader) -> SecurityKey:
    """Of the trader, set up as their first factor."""
    key = SecurityKey()
    enrol(trader, key)
    return key


def enrol(trader: Trader, key: SecurityKey, **said: Any) -> Any:
    from tests.trading.client import PASSWORD

    asked = trader.api.post("/user/factors/passkeys", {"password": PASSWORD, **said})
    assert asked.status == 200, asked
    body = {"name": "laptop", "passkey": key.create(asked.body["options"])}
    made = trader.api.post("/user/factors/passkeys/finish", body)
    assert made.status == 201, made
    return made.body
