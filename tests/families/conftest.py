from tests.trading.conftest import fresh_caches, market

__all__ = ["fresh_caches", "market"]
