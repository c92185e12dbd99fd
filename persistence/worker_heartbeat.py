"""⑤ A worker's sign of life: the worker writes it from its bootstep, the status page reads it."""

import time

import redis

WORKER_HEARTBEAT_KEY = "worker:heartbeat"  # a hash: node name → milliseconds since the epoch


def beat(client: redis.Redis, node: str) -> None:
    """Call every few seconds while the worker lives. Raises RedisError."""
    client.hset(WORKER_HEARTBEAT_KEY, node, str(time.time_ns() // 1_000_000))


def stop_beating(client: redis.Redis, node: str) -> None:
    """Call when the worker stops in order: it is then not missed. Raises RedisError."""
    client.hdel(WORKER_HEARTBEAT_KEY, node)
