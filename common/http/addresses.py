"""Whose a request is, by the address it came from. All that counts by address counts by this."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings

Address = IPv4Address | IPv6Address

FORWARDED = b"x-forwarded-for"
IPV6_PREFIX = 64  # what one customer of a provider has at least


def address_of(scope: Any) -> Address | None:
    """Of the client, as far as our own proxies say it; None for what is no address."""
    client = scope.get("client")
    direct = str(client[0]) if client else ""
    return told_address(direct, ",".join(_values(scope["headers"], FORWARDED)))


def asker_of(meta: Mapping[str, Any]) -> Address | None:
    """The same, from the headers of a request in Django."""
    return told_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""))


def told_address(direct: str, forwarded: str) -> Address | None:
    """Of what proxies say, what our own ones say is believed: each adds one at the end."""
    said = forwarded.split(",")
    believed = settings.TRUSTED_PROXIES and said[-min(settings.TRUSTED_PROXIES, len(said))].strip()
    return _parsed(believed or "") or _parsed(direct)


def origin_of(address: Address | str | None) -> str:
    """Who is counted as one: an address, or a network of those that cost nothing to change."""
    known = _parsed(address) if isinstance(address, str) else address
    if known is None:
        return "nowhere"
    if isinstance(known, IPv6Address):
        return str(ip_network((known, IPV6_PREFIX), strict=False))
    return str(known)


def _parsed(text: str) -> Address | None:
    """An IPv4 address in IPv6's clothes, as a socket for both has it, is the IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == wanted]
