"""Secrets in mails: a token that sets a password must not be read in a row, by an operator or in a
copy of the database.

Where a body says `SECRET`, the mail that leaves has the secret; the row keeps it sealed, with a key
made of `DJANGO_SECRET_KEY`, and only until it was sent. In the demo, which sends nothing, the
console shows it.
"""

import hashlib
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

SECRET = "{secret}"  # noqa: S105  a place for one
HIDDEN = "(only in the mail itself)"


def seal(secret: str) -> bytes:
    return _cipher().encrypt(secret.encode())


def with_secret(body: str, sealed: bytes | memoryview | None) -> str:
    """As it leaves. Raises ValueError where the key has been replaced since."""
    if sealed is None:
        return body
    try:
        return body.replace(SECRET, _cipher().decrypt(bytes(sealed)).decode())
    except InvalidToken:
        raise ValueError("its secret doesn't open: DJANGO_SECRET_KEY was replaced") from None


def without_secret(body: str) -> str:
    return body.replace(SECRET, HIDDEN)


def _cipher() -> Fernet:
    key = hashlib.sha256(f"mails\n{settings.SECRET_KEY}".encode()).digest()
    return Fernet(urlsafe_b64encode(key))
