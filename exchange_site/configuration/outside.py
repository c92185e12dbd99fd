"""What others know us by and what we know of them: origins, hosts, mails, countries, passkeys.
Each refuses with the variable's name, and returns what settings keep."""

import re
from email.utils import parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\*|\[[0-9a-fA-F:.]+\]|[0-9a-fA-F:]+")
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465, "smtps": 465}


def web_address(name: str, url: str) -> str:
    """Without a slash at its end; "" for none. Raises ImproperlyConfigured."""
    if url and _web_host(url) is None:
        raise ImproperlyConfigured(f"{name} must be as in https://exchange.example.")
    return url.rstrip("/")


def origins(name: str, urls: list[str]) -> list[str]:
    """Raises ImproperlyConfigured."""
    for url in urls:
        if _web_host(url) is None or urlsplit(url).path:
            raise ImproperlyConfigured(
                f"{name} must be origins, as in https://exchange.example: with a scheme, and with "
                "nothing behind the host."
            )
    return urls


def hosts(name: str, names: list[str]) -> list[str]:
    """Raises ImproperlyConfigured."""
    if any(_HOST.fullmatch(one) is None for one in names):
        raise ImproperlyConfigured(
            f"{name} must be hosts, as in exchange.example: without a scheme, port or path."
        )
    return names


def passkey_origins(rp_id: str, urls: list[str]) -> list[str]:
    """Pages of the domain that passkeys are made for: a browser asks for them nowhere else. Raises
    ImproperlyConfigured."""
    if rp_id:
        hosts("PASSKEY_RP_ID", [rp_id])
    for url in origins("PASSKEY_ORIGINS", urls):
        if rp_id and not f".{_web_host(url)}".endswith(f".{rp_id}"):
            raise ImproperlyConfigured(
                f"PASSKEY_ORIGINS must be of PASSKEY_RP_ID, as in https://{rp_id}."
            )
    return urls


def countries(codes: list[str], *, header: str, proxies: int) -> frozenset[str]:
    """Those that are blocked, in capitals. Raises ImproperlyConfigured."""
    if header and re.fullmatch(r"[A-Za-z0-9-]+", header) is None:
        raise ImproperlyConfigured("COUNTRY_HEADER must be a header's name, as in CF-IPCountry.")
    if any(re.fullmatch(r"[A-Za-z]{2}", code) is None for code in codes):
        raise ImproperlyConfigured("BLOCKED_COUNTRIES must be ISO 3166's two letters, as in KP,IR.")
    if codes and not (header and proxies):
        raise ImproperlyConfigured(
            "BLOCKED_COUNTRIES blocks nobody: name the COUNTRY_HEADER that a proxy of yours sets, "
            "and how many TRUSTED_PROXIES there are."
        )
    return frozenset(code.upper() for code in codes)


def mail_server(url: str) -> dict[str, Any]:
    """Django's settings of it. Raises ImproperlyConfigured."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _MAIL_PORTS or not parts.hostname or parts.path.strip("/"):
        raise ImproperlyConfigured(
            "EMAIL_URL must be as in smtp+tls://user:password@mail.example:587; in a password what "
            "is neither letter nor digit is written as in %23."
        )
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or _MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme in ("smtp+ssl", "smtps"),
    }


def mail_from(name: str, address: str) -> str:
    """Also with a name before it, as in ``Exchange <mail@exchange.example>``. Raises
    ImproperlyConfigured."""
    if re.fullmatch(r"[^@<>\s]+@[^@<>\s]+", parseaddr(address)[1]) is None:
        raise ImproperlyConfigured(f"{name} must be as in mail@exchange.example.")
    return address


def _web_host(url: str) -> str | None:
    """None where it is no address of the web."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    is_whole = parts.scheme in ("http", "https") and host and not parts.query + parts.fragment
    if not is_whole or parts.username is not None or " " in url:
        return None
    return host
