"""Which of several processes does what: by lease, and by rendezvous hashing over those that live.

Theory of operation. Each member renews its lease in one sorted set in Redis, by Redis' clock; one
that doesn't is no member any more. Whose a thing is each member works out alone: it belongs to the
member whose name, hashed together with the thing's, gives the largest number. So nobody hands out
anything, all come to the same answer, and where one dies or comes only that one's things move,
evenly from or to the others.

For as long as a renewal takes to be seen two members may believe the same thing theirs, and after a
loss of Redis for a little longer. What they do must bear that.
"""

import hashlib

import redis

RENEWALS_OF_A_LEASE = 3  # so that two may be missed

# KEYS members; ARGV name, lease in milliseconds
_RENEW = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now_ms + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class Members:
    """One member's view. ``key`` names the set that all of its kind are in."""

    def __init__(self, key: str, name: str, lease_s: float) -> None:
        self._key = key
        self._name = name
        self._lease_ms = int(lease_s * 1_000)
        self.renew_every_s = lease_s / RENEWALS_OF_A_LEASE
        self.names: tuple[str, ...] = ()
        self._owners: dict[str, str] = {}  # thing → whose it is, of those that were asked for

    def renew(self, client: redis.Redis) -> bool:
        """Whether others live than before. Raises redis.RedisError."""
        found = client.eval(_RENEW, 1, self._key, self._name, str(self._lease_ms))
        # Whoever writes to Redis may have put there what is no name.
        names = (name.decode(errors="backslashreplace") for name in found)
        before, self.names = self.names, tuple(sorted(names))
        if self.names == before:
            return False
        self._owners.clear()
        return True

    def leave(self, client: redis.Redis) -> None:
        """What was this one's is the others' at their next renewal. Raises redis.RedisError."""
        client.zrem(self._key, self._name)

    def is_mine(self, thing: str) -> bool:
        if thing not in self._owners:
            self._owners[thing] = owner_of(thing, self.names)
        return self._owners[thing] == self._name


def owner_of(thing: str, names: tuple[str, ...]) -> str:
    """Empty where nobody lives."""
    return max(names, key=lambda name: (_weight(thing, name), name), default="")


def _weight(thing: str, name: str) -> bytes:
    return hashlib.blake2b(f"{name}\0{thing}".encode(), digest_size=8).digest()
