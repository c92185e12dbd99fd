from tests.trading.conftest import fresh_caches, market, server, trader  # noqa: F401
