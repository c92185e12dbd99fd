"""What is signed, and the two ways to check it.

    key \\n timestamp \\n window \\n METHOD \\n path \\n query \\n body

Path, query and body are the bytes that were sent. None of what stands before the body can have a
line break in it, so two requests that differ never give the same bytes. The key is in it so that
nobody can pass a request on as another key's, even one with the same public key; the window, so
that nobody can widen it.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from accounts.keys.headers import KeyHeaders


class SignedRequest(msgspec.Struct, frozen=True, gc=False):
    """But for its body. Path and query as sent, in latin-1 like all that HTTP says before that."""

    headers: KeyHeaders
    method: str
    path: str
    query: str

    def message(self, body: bytes) -> bytes:
        said = self.headers
        head = (said.public_id, said.timestamp, said.window, self.method, self.path, self.query, "")
        return "\n".join(head).encode("latin-1", errors="replace") + body


class Verifier(Protocol):
    def verifies(self, message: bytes, signature_hex: str) -> bool: ...


class HmacVerifier:
    """HMAC-SHA256 with a secret that both sides know. It is begun once and copied for each message:
    to begin costs several times as much."""

    def __init__(self, secret: bytes) -> None:
        self._begun = HMAC(secret, SHA256())

    def verifies(self, message: bytes, signature_hex: str) -> bool:
        expected = self._begun.copy()
        expected.update(message)
        try:
            expected.verify(bytes.fromhex(signature_hex))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    public_key: Ed25519PublicKey

    def verifies(self, message: bytes, signature_hex: str) -> bool:
        try:
            self.public_key.verify(bytes.fromhex(signature_hex), message)
        except InvalidSignature:
            return False
        return True


def digest_of(message: bytes) -> str:
    """What a request is remembered by. Of the message and not of its signature, which may be
    written in more than one way."""
    return hashlib.sha256(message).hexdigest()
