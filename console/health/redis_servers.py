"""Whether the servers of Redis are such as can be relied on, by their own word.

A server answers quickly and is wrong all the same: one that appends to no file forgets what it
acknowledged, one that evicts drops streams and budgets when memory ends, a replica takes nothing.
All of it works until the day it doesn't, so it is said before.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import redis
import structlog
from django.conf import settings

from common.redis_client import probe_redis_client

SECTIONS = ("memory", "persistence", "replication")
MEMORY_USED_MAX = 0.8  # of what it may have; beyond that it soon refuses commands

log = structlog.get_logger(__name__)


class ServerFault(NamedTuple):
    words: str
    is_bad: bool  # nothing can be written there


def faults(info: Mapping[str, Any], *, keeps: bool) -> list[ServerFault]:
    """Of the `SECTIONS` of a server's INFO, worst first. ``keeps``: whether what it acknowledged
    has to be there after its death."""
    found = []
    if info.get("role") == "slave":
        found.append(ServerFault("is a replica and takes no writes: name its master", True))
    if keeps and info.get("aof_enabled") == 0:
        words = "appends to no file and would forget what it acknowledged: set appendonly yes"
        found.append(ServerFault(words, False))
    elif info.get("aof_last_write_status", "ok") != "ok":
        words = "can't append to its file, and takes no writes: free room on its disk"
        found.append(ServerFault(words, True))
    elif info.get("aof_last_bgrewrite_status", "ok") != "ok":
        words = "can't write its file anew, so that grows: free room on its disk"
        found.append(ServerFault(words, False))
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        words = "can't save its data, and may take no writes for it: free room on its disk"
        found.append(ServerFault(words, False))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        words = f"drops keys when memory ends ({policy}): set maxmemory-policy noeviction"
        found.append(ServerFault(words, False))
    most = int(info.get("maxmemory", 0))
    if most and int(info["used_memory"]) > MEMORY_USED_MAX * most:
        words = f"has less than {1 - MEMORY_USED_MAX:.0%} of its maxmemory left"
        found.append(ServerFault(words, False))
    return found


def finding(found: list[ServerFault], *, otherwise: str) -> tuple[int, str]:
    """How bad, from 0 to 2, and its words."""
    level = max((2 if fault.is_bad else 1 for fault in found), default=0)
    return level, "; ".join(fault.words for fault in found) or otherwise


def faults_beside() -> list[tuple[str, ServerFault]]:
    """Of those beside the streams' that have an address of their own, with its name. Trading goes
    on without them: tasks wait for the broker, and each process counts by itself."""
    addresses = (
        ("Broker", settings.BROKER_URL),
        ("Cache", settings.CACHE_URL),
        ("Limits", settings.LIMITS_URL),
    )
    found = []
    for name, url in addresses:
        if url == settings.REDIS_URL:
            continue
        try:
            pipe = probe_redis_client(url).pipeline(transaction=False)
            for section in SECTIONS:
                pipe.info(section)
            memory, persistence, replication = pipe.execute()
        except redis.RedisError as error:
            log.warning("status_redis_unreachable", server=name, error=str(error))
            found.append((name, ServerFault("does not answer", False)))
            continue
        said = {**memory, **persistence, **replication}
        found += [(name, fault) for fault in faults(said, keeps=False)[:1]]
    return found
