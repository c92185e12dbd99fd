"""Who sent a webhook: an HMAC over its time and its bytes, with a secret of the environment.

The time is within a window, so that what was overheard is soon of no use; within it the receiver
keeps what it has taken, and a webhook that comes again says what is known already.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Iterable

from common.errors import DomainError, ErrorCode

GOOD_FOR_MS = 300_000
_TIMESTAMP = re.compile(r"[0-9]{1,15}")


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 in hex, over ``timestamp``, a dot, and the body."""
    signed = timestamp.encode(errors="replace") + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def require_signed(secrets: Iterable[str], timestamp: str, signature: str, body: bytes) -> None:
    """``timestamp`` in milliseconds since 1970. Any of the secrets may have signed, so that one can
    be replaced. Raises DomainError."""
    given = signature.encode(errors="replace")
    right = [signature_of(secret, timestamp, body).encode() for secret in secrets]
    if not any([hmac.compare_digest(one, given) for one in right]):  # noqa: C419  as long for each
        message = "The signature doesn't sign the timestamp, a dot and this body."
        raise DomainError(ErrorCode.INVALID_SIGNATURE, message)
    now_ms = time.time_ns() // 1_000_000
    if not _TIMESTAMP.fullmatch(timestamp) or abs(now_ms - int(timestamp)) > GOOD_FOR_MS:
        message = "The timestamp must be the time of sending, within five minutes of ours."
        raise DomainError(ErrorCode.TIMESTAMP_OUTSIDE_WINDOW, message, server_time_ms=now_ms)
