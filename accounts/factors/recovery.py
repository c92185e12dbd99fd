"""Recovery codes, for whoever lost what they show: ten, each for one time.

A code has 79 random bits, so its SHA-256 tells nobody what it is, however fast they hash.
"""

import hashlib
import secrets
from datetime import UTC, datetime

from accounts.models import RecoveryCode

CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another
_GROUPS, _GROUP_LENGTH = 4, 4


def make_codes(user_id: int) -> list[str]:
    """In place of those there were, in a transaction. They are nowhere else."""
    codes = ["-".join(_group() for _ in range(_GROUPS)) for _ in range(CODES)]
    RecoveryCode.objects.filter(user_id=user_id).delete()
    RecoveryCode.objects.bulk_create(
        [RecoveryCode(user_id=user_id, digest=_digest(user_id, code)) for code in codes]
    )
    return codes


def use_code(user_id: int, code: str) -> bool:
    """Whether it is one of the user's, and wasn't used before."""
    unused = RecoveryCode.objects.filter(digest=_digest(user_id, code), used_at=None)
    return bool(unused.filter(user_id=user_id).update(used_at=datetime.now(UTC)))


def codes_left(user_id: int) -> int:
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH))


def _digest(user_id: int, code: str) -> str:
    plain = "".join(letter for letter in code.lower() if letter in _ALPHABET)
    return hashlib.sha256(f"recovery code of {user_id}\n{plain}".encode()).hexdigest()
