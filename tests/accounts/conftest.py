from collections.abc import Iterator

import pytest
import redis

from tests.trading.client import forget_caches


@pytest.fixture(autouse=True)
def fresh_redis(redis_db: redis.Redis) -> Iterator[None]:
    """Throttles count from zero."""
    forget_caches()
    yield
    forget_caches()
