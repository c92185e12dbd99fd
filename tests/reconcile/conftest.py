from collections.abc import Iterator

import pytest
import redis

from accounts.access.refusals import refusals
from markets.rules import forget_markets
from tests.reconcile.keeping import Kept, keep, put_back
from tests.reconcile.session import make_session


@pytest.fixture(scope="package")
def kept() -> list[Kept]:
    """The session below, once a test has made it: that takes a second, putting it back a moment."""
    return []


@pytest.fixture
def session(
    transactional_db: None, redis_db: redis.Redis, kept: list[Kept]
) -> Iterator[redis.Redis]:
    """The rows and streams of a trading session at rest."""
    forget_markets()
    refusals.forget()
    if kept:
        put_back(redis_db, kept[0])
    else:
        make_session(redis_db, seed=7, orders=40)
        kept.append(keep(redis_db))
    yield redis_db
    forget_markets()
    refusals.forget()
