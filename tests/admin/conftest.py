import socket
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from console.groups import ACTIONS, create_groups
from markets.models import Market
from tests.admin.factories import make_market, make_user, make_world


@pytest.fixture
def market(db: None) -> Market:
    return make_market()


@pytest.fixture(scope="module")
def module_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The world and an operator of each group, made once for all tests of a module that uses it.

    They are in a transaction around those of the tests, so each test finds them as they were made;
    no test of such a module may commit.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        make_world()
        create_groups()
        for group in (*ACTIONS, "superuser"):
            make_operator(group)
        connection.check_constraints()  # what is deferred to a commit: else each test does it
        yield
        transaction.set_rollback(True)


@pytest.fixture
def world(db: None, request: pytest.FixtureRequest) -> Market:
    if "module_world" in request.fixturenames:
        return make_market()  # finds it
    return make_world()


@pytest.fixture
def operator(db: None, request: pytest.FixtureRequest) -> Callable[[str], User]:
    """A staff user of the group named, or a superuser."""
    if "module_world" in request.fixturenames:
        return lambda group: User.objects.get(username=operator_name(group))
    create_groups()
    return make_operator


def operator_name(group: str) -> str:
    return f"{group}-op"


def make_operator(group: str) -> User:
    user = make_user(operator_name(group), is_staff=True, is_superuser=group == "superuser")
    if group != "superuser":
        user.groups.add(Group.objects.get(name=group))
    return user


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
