"""Tokens that are handed out once and work once: rows keep their hash, never the token.

256 random bits need no slow hash, and can't be guessed at any rate.
"""

import hashlib
import secrets

TOKEN_LENGTH = 43  # of 32 bytes, in base64


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
