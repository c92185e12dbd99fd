from tests.admin.conftest import _redis, client_of, market, module_world, operator, world

__all__ = ["_redis", "client_of", "market", "module_world", "operator", "world"]
