"""Codes of authenticator apps, RFC 6238: six digits that change every 30 seconds."""

import base64
import re
import secrets
import time
from urllib.parse import quote, urlencode

from django.conf import settings
from django_otp.oath import TOTP

SECRET_BYTES = 20  # as RFC 4226 recommends for SHA-1, which is what apps know
PERIOD_S = 30
TOLERANCE = 1  # periods before and after, for clocks that differ
_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_QR_SCALE = 5


def new_secret() -> str:
    """In base32, as apps and people type it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def uri_of(secret: str, username: str) -> str:
    """What an app reads out of the QR code."""
    issuer = settings.FACTOR_ISSUER
    said = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{username}')}?{said}"


def qr_of(uri: str) -> str:
    """The QR code as an image in an address: `data:image/svg+xml…`, which pages may show."""
    import segno  # only whoever sets up an app is shown one

    return str(segno.make_qr(uri).svg_data_uri(scale=_QR_SCALE, dark="#000", light="#fff"))


def step_of(secret: str, code: str, after_step: int) -> int | None:
    """The period whose code this is, of those later than ``after_step``; None for a wrong one."""
    plain = code.replace(" ", "")
    if not _CODE.fullmatch(plain):
        return None
    totp = TOTP(base64.b32decode(secret), step=PERIOD_S)
    totp.time = time.time()
    if not totp.verify(int(plain), tolerance=TOLERANCE, min_t=after_step + 1):
        return None
    return int(totp.t())
