"""Listen keys: what opens an account's stream, made by the holder of an API key.

They live in Redis and nowhere else, for an hour after they were last asked for. Who loses one asks
for another, as clients do when they are told that theirs has expired. A key counts as long as the
API key that made it.
"""

import secrets
from typing import Any

import msgspec

from common.redis_client import request_redis_client

LIFETIME_MS = 3_600_000
LENGTH = 64
_OF_KEY = "gateway:listen:of:{}"
_KEY = "gateway:listen:{}"


class ListenKeyOwner(msgspec.Struct, frozen=True):
    """Whose account it is, and which API key made it."""

    user_id: int
    public_id: str


def key_name(listen_key: str) -> str:
    return _KEY.format(listen_key)


def decode(data: bytes | None) -> ListenKeyOwner | None:
    return msgspec.json.decode(data, type=ListenKeyOwner) if data else None


def is_one(text: str) -> bool:
    """Whether it may be one: no name of a stream looks like it."""
    return len(text) == LENGTH and text.isascii() and text.isalnum()


# Offered in the place of one that is no longer live; the answer is whichever it is now.
_OFFER = """
local now = redis.call('GET', KEYS[1]) or ''
if now ~= ARGV[1] then return now end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
"""


def open_key(user_id: int, public_id: str) -> str:
    """The live one, or a new one, for another hour. Raises redis.RedisError."""
    client: Any = request_redis_client()
    of_key = _OF_KEY.format(public_id)
    listener = msgspec.json.encode(ListenKeyOwner(user_id, public_id))
    before = client.get(of_key) or b""
    live = str(before, "ascii")
    if not live or not client.exists(key_name(live)):
        offered = secrets.token_hex(LENGTH // 2)
        live = str(client.eval(_OFFER, 1, of_key, before, offered, LIFETIME_MS), "ascii")
    client.set(key_name(live), listener, px=LIFETIME_MS)
    client.pexpire(of_key, LIFETIME_MS)
    return live


def live_key(public_id: str) -> str | None:
    client: Any = request_redis_client()
    live = client.get(_OF_KEY.format(public_id))
    return str(live, "ascii") if live and client.exists(key_name(str(live, "ascii"))) else None


def keep_alive(public_id: str) -> str | None:
    """None where there is none."""
    live = live_key(public_id)
    if live is not None:
        client: Any = request_redis_client()
        client.pexpire(_OF_KEY.format(public_id), LIFETIME_MS)
        client.pexpire(key_name(live), LIFETIME_MS)
    return live


def close_key(public_id: str) -> None:
    live = live_key(public_id)
    if live is not None:
        request_redis_client().delete(_OF_KEY.format(public_id), key_name(live))
