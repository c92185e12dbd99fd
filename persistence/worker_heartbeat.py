"""⑤ A worker's sign of life, and what keeps it from persisting: the worker writes both from its
bootstep, the status page reads them."""

import time

import redis

WORKER_HEARTBEAT_KEY = "worker:heartbeat"  # a hash: node name → milliseconds since the epoch
WORKER_FAULTS_KEY = "worker:faults"  # a hash: node name → what it meets again and again, in words


def beat(client: redis.Redis, node: str) -> None:
    """Call every few seconds while the worker lives. Raises RedisError."""
    client.hset(WORKER_HEARTBEAT_KEY, node, str(time.time_ns() // 1_000_000))


def stop_beating(client: redis.Redis, node: str) -> None:
    """Call when the worker stops in order: it is then not missed. Raises RedisError."""
    client.hdel(WORKER_HEARTBEAT_KEY, node)
    tell_fault(client, node, "")


def tell_fault(client: redis.Redis, node: str, words: str) -> None:
    """What keeps the worker from going on; "" once it goes on. Raises RedisError."""
    if words:
        client.hset(WORKER_FAULTS_KEY, node, words)
    else:
        client.hdel(WORKER_FAULTS_KEY, node)
