"""How Redis is found; `common.redis_client` makes the clients."""
