"""Where a request comes from, and whether that is served."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from common.errors import DomainError, ErrorCode


def is_blocked(country: str) -> bool:
    """``country``: as the header of our proxy says it; "" where it says nothing."""
    believed = settings.TRUSTED_PROXIES and settings.COUNTRY_HEADER
    last = country.rpartition(",")[2]  # of several ours is the last
    return bool(believed) and last.strip().upper() in settings.BLOCKED_COUNTRIES


def is_asker_blocked(meta: Mapping[str, Any]) -> bool:
    """By the headers of a request in Django."""
    name = f"HTTP_{settings.COUNTRY_HEADER.upper().replace('-', '_')}"
    return is_blocked(str(meta.get(name, "")))


def is_scope_blocked(scope: Any) -> bool:
    """By those of an ASGI server."""
    if not settings.BLOCKED_COUNTRIES or not settings.COUNTRY_HEADER:
        return False
    wanted = settings.COUNTRY_HEADER.lower().encode("ascii")
    said = [value for name, value in scope["headers"] if name == wanted]
    return bool(said) and is_blocked(said[-1].decode("latin-1"))


def require_served(meta: Mapping[str, Any]) -> None:
    """For whatever opens something. Raises DomainError."""
    if is_asker_blocked(meta):
        raise country_blocked()


def country_blocked() -> DomainError:
    message = (
        "This is not offered in the country you ask from. Positions can be reduced, orders "
        "cancelled and money taken out."
    )
    return DomainError(ErrorCode.COUNTRY_BLOCKED, message)
