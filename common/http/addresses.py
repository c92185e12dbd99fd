"""Whose a request is, by the address it came from."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings


def address_of(scope: Any) -> str:
    """As `accounts.throttles` sees it: of what proxies say, what our own ones say is believed."""
    client = scope.get("client")
    direct = str(client[0]) if client else ""
    if not settings.TRUSTED_PROXIES:
        return direct
    said = ",".join(_values(scope["headers"], b"x-forwarded-for")).split(",")
    return said[-min(settings.TRUSTED_PROXIES, len(said))].strip() or direct


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == wanted]
