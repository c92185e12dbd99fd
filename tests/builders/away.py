"""What is not there."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def redis_away() -> redis.Redis:
    """A client of no server. Doesn't try again, as those of the exchange don't for who waits."""
    return redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
