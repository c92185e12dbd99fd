import pytest
import redis

from tests.ledger.world import World, make_world


@pytest.fixture
def world(transactional_db: None, redis_db: redis.Redis) -> World:
    """Three funded traders and a market; real transactions, so that threads see each other."""
    return make_world(redis_db)
