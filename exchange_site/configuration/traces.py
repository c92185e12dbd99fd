"""Where traces go and of how many orders: refused with the variable's name."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def traces_url(url: str) -> str:
    """The same; "" for nowhere. Raises ImproperlyConfigured."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ImproperlyConfigured(
            "TRACES_URL must be a collector's address, as in http://127.0.0.1:4318/v1/traces."
        )
    return url


def traces_share(share: float) -> float:
    """The same. Raises ImproperlyConfigured."""
    if not 0 <= share <= 1:
        raise ImproperlyConfigured("TRACES_SHARE must be 0 to 1, as in 0.01.")
    return share
