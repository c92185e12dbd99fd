"""Whether a signed request is of a key that may send it, and whose."""

import time
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.access.refusals import refusals
from accounts.keys.headers import ED25519, HMAC
from accounts.keys.known import KeyUser, KnownKey, known_keys
from accounts.keys.replays import Spent
from accounts.keys.signing import (
    Ed25519Verifier,
    HmacVerifier,
    SignedRequest,
    Verifier,
    digest_of,
)
from accounts.keys.uses import uses
from common.errors import DomainError, ErrorCode
from common.http.addresses import Address
from common.scopes import Scope

_NO_SESSION = 0  # which no session's row has: a key outlives them


def verify(request: SignedRequest, body: bytes, address: Address | None) -> tuple[KeyUser, Spent]:
    """Whose it is, and what it is remembered by. Raises DomainError."""
    headers = request.headers
    signed_ms, good_until_ms = headers.check()
    message = request.message(body)
    user = verify_message(headers.public_id, message, headers.signature, address)
    return user, Spent(digest_of(message), signed_ms, good_until_ms)


def verify_message(
    public_id: str, message: bytes, signature_hex: str, address: Address | None
) -> KeyUser:
    """Whose key signed it; ``public_id`` has the form of one. Raises DomainError."""
    key = known_keys.get(public_id)
    verifier = key.verifier if key is not None else None
    is_right = (verifier or _nobody(public_id)).verifies(message, signature_hex)
    if key is None or verifier is None or not is_right:
        raise no_such_key()
    check_still_counts(key, address)
    uses.count(key.user.key_id, address)
    return key.user


def check_still_counts(key: KnownKey, address: Address | None) -> None:
    """Of a key whose signature was right. Raises DomainError."""
    if key.is_revoked:
        raise _invalid("This key was revoked. Use another, or make one with POST /user/keys.")
    if key.ends_s is not None and key.ends_s <= time.time():
        raise _invalid("This key has expired. Make another with POST /user/keys.")
    refusals.check(key.user.pk, _NO_SESSION)
    if not key.is_allowed_from(address):
        message = f"This key may not be used from {address}. Its owner lists where from."
        raise DomainError(ErrorCode.ADDRESS_NOT_ALLOWED, message)


def require_scope(scopes: frozenset[Scope], needed: Scope | None) -> None:
    """``needed`` None: of a call that takes no keys. Raises DomainError."""
    if needed is None:
        message = "Keys can't be used for this. Sign in with POST /auth/signin."
        raise DomainError(ErrorCode.SCOPE_MISSING, message)
    if needed not in scopes:
        message = f"This key lacks the permission {needed}. Make one that has it."
        raise DomainError(ErrorCode.SCOPE_MISSING, message, permission=needed.value)


def _invalid(message: str) -> DomainError:
    return DomainError(ErrorCode.INVALID_KEY, message)


def no_such_key() -> DomainError:
    """Or none that signed this: nobody is told which."""
    message = (
        "The signature is not of this key and request. Sign key, timestamp, window, method, path, "
        "query and body exactly as they are sent."
    )
    return DomainError(ErrorCode.INVALID_SIGNATURE, message)


@cache
def _verifiers_of_nobody() -> dict[str, Verifier]:
    return {
        HMAC: HmacVerifier(b"of nobody: what it signs is refused whatever it says"),
        ED25519: Ed25519Verifier(Ed25519PrivateKey.generate().public_key()),
    }


def _nobody(public_id: str) -> Verifier:
    """For a key that isn't there: the same work as for one of the kind it says it is."""
    return _verifiers_of_nobody()[public_id[:2]]
