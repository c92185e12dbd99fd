"""Keys by which a request that moves money may be sent again and counts once."""

from typing import TypeVar

from common.errors import DomainError, ErrorCode, invalid

FIELD = "idempotency_key"
KEY_LENGTH_MAX = 64

Key = TypeVar("Key", bound=str | None)


def read_key(key: Key) -> Key:
    """None where none was sent. Raises DomainError."""
    if key is not None and not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise invalid(FIELD, f"{FIELD} must have 1 to {KEY_LENGTH_MAX} characters.")
    return key


def key_reused(of_what: str) -> DomainError:
    """What refuses a key that belongs to another request, such as 'a deposit of 10'."""
    message = f"This key belongs to {of_what}. Use another key for another request."
    return DomainError(ErrorCode.IDEMPOTENCY_KEY_REUSED, message, FIELD)
