"""What is signed, and the two ways to check it.

    key \\n timestamp \\n window \\n METHOD \\n path \\n query \\n body

Path, query and body are the bytes that were sent. None of what stands before the body can have a
line break in it, so two requests that differ never give the same bytes. The key is in it so that
nobody can pass a request on as another key's, even one with the same public key; the window, so
that nobody can widen it.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from accounts.keys.headers import KeyHeaders


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Path and query as sent, in latin-1 like all that HTTP says before a body."""

    headers: KeyHeaders
    method: str
    path: str
    query: str
    body: bytes

    def message(self) -> bytes:
        said = self.headers
        head = (said.public_id, said.timestamp, said.window, self.method, self.path, self.query, "")
        return "\n".join(head).encode("latin-1", errors="replace") + self.body


class Verifier(Protocol):
    def verifies(self, message: bytes, signature_hex: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class HmacVerifier:
    """HMAC-SHA256 with a secret that both sides know."""

    secret: bytes

    def verifies(self, message: bytes, signature_hex: str) -> bool:
        expected = hmac.digest(self.secret, message, "sha256").hex()
        return hmac.compare_digest(expected, signature_hex.lower())


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
