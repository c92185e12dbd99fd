"""How this process is looked at: where its traces go, and how much it logs. Refused with the
variable's name."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def traces_url(url: str) -> str:
    """The same; "" for nowhere. Raises ImproperlyConfigured."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ImproperlyConfigured(
            "TRACES_URL must be a collector's address, as in http://127.0.0.1:4318/v1/traces."
        )
    return url


def log_level(name: str, level: str) -> str:
    """In capitals, as Python has it. Raises ImproperlyConfigured."""
    found = level.strip().upper()
    if found not in LEVELS:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(LEVELS)}.")
    return found
