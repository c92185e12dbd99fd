"""Who asks: a key that signs, a token of a session, or nobody.

What is signed is these, each with a line break behind it, and then the bytes of the body: the key,
the timestamp, the window, the method, the path, the query. All as they are sent.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Protocol


class Key(Protocol):
    """`key` is its public name."""

    @property
    def key(self) -> str: ...

    def sign(self, message: bytes) -> str:
        """In hex."""
        ...


@dataclass(frozen=True)
class HmacKey:
    """A key with a secret, as `POST /user/keys` shows it once."""

    key: str
    secret: str = field(repr=False)

    def sign(self, message: bytes) -> str:
        return hmac.digest(self.secret.encode(), message, hashlib.sha256).hex()


class Ed25519Key:
    """A key whose private half the exchange never had. Takes PEM (PKCS 8), or 32 bytes in hex.

    Needs the extra `ed25519`."""

    def __init__(self, key: str, private_key: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        self.key = key
        if private_key.lstrip().startswith("-----"):
            loaded = load_pem_private_key(private_key.encode(), password=None)
            if not isinstance(loaded, Ed25519PrivateKey):
                raise ValueError("This is a private key, but none of Ed25519.")
            self._private = loaded
        else:
            self._private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private_key))

    def __repr__(self) -> str:
        return f"Ed25519Key({self.key!r})"

    def sign(self, message: bytes) -> str:
        return self._private.sign(message).hex()


@dataclass(frozen=True)
class Password:
    """Signs in at the first call, renews its token, and signs in again where a session has ended.

    `account` names a sub-account to act for."""

    username: str
    password: str = field(repr=False)
    account: str | None = None


@dataclass(frozen=True)
class Tokens:
    """Of a session that is open already. Each refresh token is for one use: from here on it is this
    client's to renew."""

    token: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    account: str | None = None


Credentials = HmacKey | Ed25519Key | Password | Tokens


def signed_message(
    key: str, timestamp_ms: int, window: str, method: str, path: str, query: str, body: bytes
) -> bytes:
    lines = (key, str(timestamp_ms), window, method, path, query, "")
    return "\n".join(lines).encode("latin-1") + body


def signature_headers(
    key: Key, timestamp_ms: int, window_ms: int | None, method: str, target: str, body: bytes
) -> dict[str, str]:
    """Of a request whose path and query are `target`, as sent."""
    path, _, query = target.partition("?")
    window = "" if window_ms is None else str(window_ms)
    message = signed_message(key.key, timestamp_ms, window, method, path, query, body)
    headers = {
        "X-API-Key": key.key,
        "X-API-Timestamp": str(timestamp_ms),
        "X-API-Signature": key.sign(message),
    }
    return headers if window_ms is None else headers | {"X-API-Window": window}
