import pytest
import redis

from tests.ledger.session import write_session
from tests.ledger.world import World, make_world


@pytest.fixture
def world(transactional_db: None, redis_db: redis.Redis) -> World:
    """Three funded traders and a market; real transactions, so that threads see each other."""
    return make_world(redis_db)


@pytest.fixture
def session(world: World) -> World:
    """A market with the hand-computed session said, not yet published."""
    write_session(world)
    return world
