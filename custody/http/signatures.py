"""Who sent a webhook: an HMAC over its time and its bytes, with a secret of the environment.

The time is within a window, so that what was overheard is soon of no use; within it a webhook that
comes again says what is known already (`custody.inbox`).
"""

import hashlib
import hmac
import time

from django.conf import settings

from common.errors import DomainError, ErrorCode

SIGNATURE, TIMESTAMP = "X-Custody-Signature", "X-Custody-Timestamp"
WINDOW_MS = 300_000


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 in hex, over ``timestamp``, a dot, and the body."""
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def require_signed(timestamp: str, signature: str, body: bytes) -> None:
    """Raises DomainError. Any of `CUSTODY_WEBHOOK_SECRETS` may have signed, so that one can be
    replaced."""
    right = [signature_of(secret, timestamp, body) for secret in settings.CUSTODY_WEBHOOK_SECRETS]
    given = signature.encode("utf-8", "replace")
    if not any(hmac.compare_digest(one.encode(), given) for one in right):
        raise DomainError(ErrorCode.INVALID_SIGNATURE, "The signature is wrong.")
    if not _is_now(timestamp):
        message = f"The timestamp must be within {WINDOW_MS // 1000} s, in milliseconds since 1970."
        raise DomainError(ErrorCode.TIMESTAMP_OUTSIDE_WINDOW, message)


def _is_now(timestamp: str) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    return abs(time.time_ns() // 1_000_000 - int(timestamp)) <= WINDOW_MS
