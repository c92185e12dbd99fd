from collections.abc import Callable

import pytest
from django.test import Client

from tests.admin.conftest import client_of, free_closed_port, market, operator
from tests.admin.conftest import world as everything
from tests.ledger.conftest import session, world

__all__ = [
    "client_of", "everything", "free_closed_port", "market", "operator", "session", "world",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _redis(redis_db: object) -> None:
    """Pages show what is in Redis."""


@pytest.fixture
def risk(client_of: Callable[[str], Client]) -> Client:
    return client_of("risk")
