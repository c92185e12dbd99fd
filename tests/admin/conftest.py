import socket
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from console.groups import create_groups
from markets.models import Market
from tests.admin.factories import make_market, make_user, make_world


@pytest.fixture
def market(db: None) -> Market:
    return make_market()


@pytest.fixture
def world(db: None) -> Market:
    return make_world()


@pytest.fixture
def operator(db: None) -> Callable[[str], User]:
    """A staff user of the group named, or a superuser."""
    create_groups()

    def make(group: str) -> User:
        user = make_user(f"{group}-op", is_staff=True, is_superuser=group == "superuser")
        if group != "superuser":
            user.groups.add(Group.objects.get(name=group))
        return user

    return make


@pytest.fixture
def client_of(operator: Callable[[str], User]) -> Callable[[str], Client]:
    def sign_in(group: str) -> Client:
        client = Client()
        client.force_login(operator(group))
        return client

    return sign_in


@pytest.fixture(autouse=True)
def _redis(redis_db: object) -> None:
    """Pages show what is in Redis, and actions publish: to a database of the test's own."""


@pytest.fixture
def free_closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
