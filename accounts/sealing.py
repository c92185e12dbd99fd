"""Secrets as the database keeps them, of HMAC keys and of authenticator apps: sealed with a key
that it doesn't have.

AES-256-GCM. The sealing keys are made of `API_KEY_SECRETS` of the environment: the first seals, all
of them open, so that one can be replaced (`manage.py resealkeys`). What is sealed is bound to what
it is, by a name, and to its owner: moved to another, it doesn't open.
"""

import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12


class Unopened(Exception):
    """No sealing key that is known opens it."""


def can_seal() -> bool:
    return bool(settings.API_KEY_SECRETS)


def seal(secret: str, name: str, user_id: int) -> bytes:
    """Where `can_seal`."""
    nonce = os.urandom(NONCE_BYTES)
    first = _ciphers(tuple(settings.API_KEY_SECRETS))[0]
    return nonce + first.encrypt(nonce, secret.encode(), _bound_to(name, user_id))


def unseal(sealed: bytes, name: str, user_id: int) -> str:
    """Raises Unopened."""
    nonce, inside = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for cipher in _ciphers(tuple(settings.API_KEY_SECRETS)):
        try:
            return cipher.decrypt(nonce, inside, _bound_to(name, user_id)).decode()
        except (InvalidTag, ValueError):
            continue
    raise Unopened


def is_sealed_with_first(sealed: bytes, name: str, user_id: int) -> bool:
    first = _ciphers(tuple(settings.API_KEY_SECRETS[:1]))
    try:
        nonce, inside = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        first[0].decrypt(nonce, inside, _bound_to(name, user_id))
    except (IndexError, InvalidTag):
        return False
    return True


def _bound_to(name: str, user_id: int) -> bytes:
    return f"{name}:{user_id}".encode()


@lru_cache(maxsize=8)
def _ciphers(secrets: tuple[str, ...]) -> tuple[AESGCM, ...]:
    return tuple(AESGCM(hashlib.sha256(f"api keys\n{one}".encode()).digest()) for one in secrets)
