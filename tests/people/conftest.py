from collections.abc import Iterator

import pytest
import redis

from tests.admin.conftest import client_of, module_world, operator
from tests.people.mailbox import Mailbox
from tests.trading.client import Trader, forget_caches, make_trader

__all__ = ["client_of", "module_world", "operator"]


@pytest.fixture(autouse=True)
def fresh_redis(redis_db: redis.Redis) -> Iterator[None]:
    """Throttles count from zero."""
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return Mailbox()


@pytest.fixture
def trader(mailbox: Mailbox) -> Trader:
    """With a mail that is verified."""
    trader = make_trader(0)
    mailbox.verify(trader, f"{trader.user.username}@example.com")
    return trader
