from tests.reconcile.conftest import kept
from tests.trading.conftest import fresh_caches, market

__all__ = ["fresh_caches", "kept", "market"]
