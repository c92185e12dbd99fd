"""Who signed a request: the venue's rule, over the bytes as they were sent.

What is signed is the query, less its pair ``signature=…``, directly followed by the body, less
that pair. The key goes into a header. Keys, secrets, powers, lists of addresses and what becomes of
a replay are those of `accounts.keys`. The venue's signature says nothing of the method and path, so
what a request is remembered by doesn't either: one that was signed to read can't be sent again to
cancel.
"""

import base64
import binascii
import re
import time
from dataclasses import dataclass

from accounts.keys.headers import AHEAD_MS_MAX, PUBLIC_ID, WINDOW_MS_DEFAULT, WINDOW_MS_MAX
from accounts.keys.known import KeyUser, known_keys
from accounts.keys.replays import Spent
from accounts.keys.signing import digest_of
from accounts.keys.verifying import check_still_counts, verify_message
from common.http.addresses import Address
from gateway.asking.params import SIGNATURE, Params
from gateway.words import errors
from gateway.words.errors import GatewayRefusal, missing

KEY_HEADER = "X-MBX-APIKEY"
_HEX = re.compile(r"[0-9a-f]{64}|[0-9a-f]{128}", re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """``query`` and ``body`` as they were sent."""

    key: str
    query: bytes
    body: bytes
    params: Params

    def message(self) -> bytes:
        return _unsigned(self.query) + _unsigned(self.body)


def _unsigned(raw: bytes) -> bytes:
    pairs = raw.split(b"&")
    return b"&".join(pair for pair in pairs if not pair.startswith(b"signature="))


def verify_signed(signed: Signed, address: Address | None) -> tuple[KeyUser, Spent]:
    """Whose it is, and what it is remembered by. Raises GatewayRefusal or DomainError."""
    _check_key(signed.key)
    timestamp_ms, until_ms = _window(signed.params)
    signature = _signature_hex(signed.params.required(SIGNATURE))
    message = signed.message()
    if known_keys.get(signed.key) is None:
        raise GatewayRefusal(errors.KEY_REFUSED)
    user = verify_message(signed.key, message, signature, address)
    digest = digest_of(b"\n".join((b"gateway", signed.key.encode("ascii"), message)))
    return user, Spent(digest, timestamp_ms, until_ms)


def known_by_key(key: str, address: Address | None) -> KeyUser:
    """For calls that are told who asks by the key alone. Raises GatewayRefusal or DomainError."""
    _check_key(key)
    known = known_keys.get(key)
    if known is None:
        raise GatewayRefusal(errors.KEY_REFUSED)
    check_still_counts(known, address)
    return known.user


def _check_key(key: str) -> None:
    if not PUBLIC_ID.fullmatch(key):
        raise GatewayRefusal(errors.KEY_FORMAT)


def _window(params: Params) -> tuple[int, int]:
    """When it was signed, and until when that counts; Unix ms."""
    text = params.required("timestamp")
    if not _TIME.fullmatch(text):
        raise missing("timestamp")
    window = params.decimal("recvWindow") or str(WINDOW_MS_DEFAULT)
    window_ms = int(window) if window.isdigit() else 0
    if not 1 <= window_ms <= WINDOW_MS_MAX:
        raise GatewayRefusal(errors.RECV_WINDOW)
    now_ms = time.time_ns() // 1_000_000
    until_ms = int(text) + window_ms
    if not int(text) - AHEAD_MS_MAX <= now_ms <= until_ms:
        raise GatewayRefusal(errors.TIMESTAMP)
    return int(text), until_ms


def _signature_hex(text: str) -> str:
    """Ed25519's come in Base64 from the venue's clients."""
    if _HEX.fullmatch(text):
        return text
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != 64:
        raise GatewayRefusal(errors.SIGNATURE)
    return decoded.hex()
