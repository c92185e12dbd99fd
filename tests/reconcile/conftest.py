from collections.abc import Iterator

import pytest
import redis

from accounts.authentication import suspended_users
from tests.reconcile.session import make_session
from trading.market_rules import forget_markets


@pytest.fixture
def session(transactional_db: None, redis_db: redis.Redis) -> Iterator[redis.Redis]:
    """The rows and streams of a trading session at rest."""
    forget_markets()
    suspended_users.forget()
    make_session(redis_db, seed=7, orders=40)
    yield redis_db
    forget_markets()
    suspended_users.forget()
