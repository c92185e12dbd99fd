"""The four headers of a signed request, read strictly, and the time they claim."""

import re
import time

import msgspec

from common.errors import DomainError, ErrorCode

KEY, TIMESTAMP, WINDOW, SIGNATURE = (
    "X-API-Key",
    "X-API-Timestamp",
    "X-API-Window",
    "X-API-Signature",
)
NAMES = (KEY, TIMESTAMP, WINDOW, SIGNATURE)
WINDOW_MS_DEFAULT = 5_000
WINDOW_MS_MAX = 60_000
AHEAD_MS_MAX = 1_000  # of our clock

HMAC, ED25519 = "hm", "ed"  # what keys begin with, by their kind
PUBLIC_ID = re.compile(rf"(?:{HMAC}|{ED25519})[0-9a-f]{{32}}", re.ASCII)
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_WINDOW = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_SIGNATURE = re.compile(r"(?:[0-9a-fA-F]{64}){1,2}", re.ASCII)


class KeyHeaders(msgspec.Struct, frozen=True, gc=False):
    """As sent. ``window`` is empty where none was."""

    public_id: str
    timestamp: str
    window: str
    signature: str

    @property
    def is_given(self) -> bool:
        return bool(self.public_id or self.timestamp or self.window or self.signature)

    def check(self) -> tuple[int, int]:
        """Their form, then their time. When it was signed, and when the signature counts for the
        last time; Unix ms. Raises DomainError."""
        if not PUBLIC_ID.fullmatch(self.public_id):
            raise _malformed(f"{KEY} must be a key as POST /user/keys answered it.")
        if not _TIMESTAMP.fullmatch(self.timestamp):
            raise _malformed(f"{TIMESTAMP} must be the time in milliseconds since 1970.")
        if self.window and not (
            _WINDOW.fullmatch(self.window) and int(self.window) <= WINDOW_MS_MAX
        ):
            raise _malformed(f"{WINDOW} must be 1 to {WINDOW_MS_MAX} milliseconds, or left out.")
        if not _SIGNATURE.fullmatch(self.signature):
            raise _malformed(
                f"{SIGNATURE} must be a signature in hex: 64 digits of HMAC-SHA256, 128 of Ed25519."
            )
        signed_ms, now_ms = int(self.timestamp), time.time_ns() // 1_000_000
        good_until_ms = signed_ms + (int(self.window) if self.window else WINDOW_MS_DEFAULT)
        if not signed_ms - AHEAD_MS_MAX <= now_ms <= good_until_ms:
            raise _outside_window(signed_ms - now_ms, now_ms)
        return signed_ms, good_until_ms


def _malformed(message: str) -> DomainError:
    return DomainError(ErrorCode.AUTHENTICATION_FAILED, message)


def _outside_window(ahead_ms: int, now_ms: int) -> DomainError:
    late = "ahead of" if ahead_ms > 0 else "behind"
    message = (
        f"{TIMESTAMP} is {abs(ahead_ms)} ms {late} the server's time, {now_ms}. Set your clock, or "
        f"allow more with {WINDOW}; ahead of it may be {AHEAD_MS_MAX} ms at most."
    )
    return DomainError(ErrorCode.TIMESTAMP_OUTSIDE_WINDOW, message, server_time_ms=now_ms)
