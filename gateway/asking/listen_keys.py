"""Listen keys: what opens an account's stream, made by the holder of an API key.

They live in Redis and nowhere else, for an hour after they were last asked for. Who loses one asks
for another, as clients do when they are told that theirs has expired. A key counts as long as the
API key that made it.

Clients are told the live one again, and yet Redis' data opens nothing: it has a number that was
drawn for the API key, of which the server's secret makes the listen key, and whose it is by the
listen key's hash.
"""

import hashlib
import secrets
from typing import Any

import msgspec
from django.utils.crypto import salted_hmac

from common.redis_client import request_redis_client

LIFETIME_MS = 3_600_000
LENGTH = 64
_SALT = "gateway.listen_keys"
_DRAWN = "gateway:listen:drawn:{}"
_KEY = "gateway:listen:{}"


class ListenKeyOwner(msgspec.Struct, frozen=True):
    """Whose account it is, and which API key made it."""

    user_id: int
    public_id: str


def key_name(listen_key: str) -> str:
    return _KEY.format(hashlib.sha256(listen_key.encode()).hexdigest())


def decode(data: bytes | None) -> ListenKeyOwner | None:
    return msgspec.json.decode(data, type=ListenKeyOwner) if data else None


def is_one(text: str) -> bool:
    """Whether it may be one: no name of a stream looks like it."""
    return len(text) == LENGTH and text.isascii() and text.isalnum()


def open_key(user_id: int, public_id: str) -> str:
    """The live one, or a new one; for another hour. Raises redis.RedisError."""
    client: Any = request_redis_client()
    drawn = _DRAWN.format(public_id)
    client.set(drawn, secrets.token_hex(16), nx=True, px=LIFETIME_MS)
    client.pexpire(drawn, LIFETIME_MS)
    live = _made_of(public_id, client.get(drawn) or b"")
    owner = msgspec.json.encode(ListenKeyOwner(user_id, public_id))
    client.set(key_name(live), owner, px=LIFETIME_MS)
    return live


def live_key(public_id: str) -> str | None:
    client: Any = request_redis_client()
    number = client.get(_DRAWN.format(public_id))
    if number is None:
        return None
    live = _made_of(public_id, number)
    return live if client.exists(key_name(live)) else None


def _made_of(public_id: str, number: bytes) -> str:
    return salted_hmac(_SALT, f"{public_id}:{number.hex()}", algorithm="sha256").hexdigest()


def keep_alive(public_id: str) -> str | None:
    """None where there is none."""
    live = live_key(public_id)
    if live is not None:
        client: Any = request_redis_client()
        client.pexpire(_DRAWN.format(public_id), LIFETIME_MS)
        client.pexpire(key_name(live), LIFETIME_MS)
    return live


def close_key(public_id: str) -> None:
    live = live_key(public_id)
    if live is not None:
        request_redis_client().delete(_DRAWN.format(public_id), key_name(live))
