from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Group

from accounts.models import User
from console.groups import create_groups
from custody.addresses import keep_supply
from custody.demo.chain.process import Chain
from custody.demo.opening import open_float
from custody.networks import networks
from tests.admin.factories import make_user
from tests.trading.client import Trader, forget_caches, make_trader
from tests.withdrawals.chain import played_chain

Operator = Callable[[str], User]


@pytest.fixture(autouse=True)
def _clean(redis_db: redis.Redis, settings: Any) -> Iterator[None]:
    """Traders without a second factor may withdraw, as in the demo."""
    settings.WITHDRAWALS_NEED_FACTOR = False
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


@pytest.fixture
def chain(folder: Path, settings: Any, db: None) -> Iterator[Chain]:
    """Calm, with its float in our rows and addresses at hand."""
    open_float()
    with played_chain(folder, settings) as played:
        for network in networks().values():
            keep_supply(network)
        yield played
