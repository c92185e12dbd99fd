import pytest

from console.alerts.defaults import install_rules
from markets.rules import forget_markets
from tests.admin.conftest import client_of, market, operator

__all__ = ["client_of", "market", "operator"]


@pytest.fixture(autouse=True)
def _redis(redis_db: object) -> None:
    """Measures read it."""
    forget_markets()


@pytest.fixture(autouse=True)
def _rules(db: None) -> None:
    install_rules()
