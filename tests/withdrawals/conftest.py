from collections.abc import Callable, Iterator

import pytest
import redis
from django.contrib.auth.models import Group

from accounts.models import User
from console.groups import create_groups
from tests.admin.factories import make_user
from tests.trading.client import Trader, forget_caches, make_trader

Operator = Callable[[str], User]


@pytest.fixture(autouse=True)
def _clean(redis_db: redis.Redis) -> Iterator[None]:
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def trader(db: None) -> Trader:
    """With 10,000."""
    return make_trader()


@pytest.fixture
def operator(db: None) -> Operator:
    create_groups()

    def make(name: str) -> User:
        user = make_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name="treasury"))
        return User.objects.get(pk=user.pk)

    return make
