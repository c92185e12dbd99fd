"""Where an address that an operator wrote may lead: to public addresses, and to hosts that a
setting names.

A price source's address, or a webhook's, would be asked whatever it is, inside the operator's own
network too, and a name may resolve differently each time it is looked up. So it is the socket that
is refused: every connection, of a redirect as well, is opened to an address that was looked at,
whatever name or literal led there.
"""

import socket
import ssl
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import certifi

if TYPE_CHECKING:
    import aiohttp

_IPV6_OF_THE_INTERNET = IPv6Network("2000::/3")  # all that is given out
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052


class AddressRefused(OSError):
    """The address is not a public one."""


def is_public(address: str) -> bool:
    """Whether anyone on the internet would be asked: not this machine, not this network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        inner = _led_to(parsed)
        if inner is not None and not inner.is_global:
            return False
        if parsed not in _IPV6_OF_THE_INTERNET and parsed not in _NAT64 and not parsed.ipv4_mapped:
            return False
    return parsed.is_global and not parsed.is_multicast


def _led_to(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a way of carrying IPv4 in IPv6 leads to."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def host_problem(host: str, named: Collection[str], setting: str) -> str | None:
    """Why an address may not have this host; None if it may. ``setting`` is what ``named`` comes
    from. Names are looked at when they are connected to."""
    if host in named:
        return None
    is_literal = ":" in host or host.replace(".", "").isdigit()
    if host == "localhost" or (is_literal and not is_public(host)):
        return f"{host} is not a public address. {setting} names the others."
    return None


def session_to(host: str, named: Collection[str]) -> "aiohttp.ClientSession":
    """For requests to this host, empty for public ones; on the running loop. Close it there."""
    import aiohttp  # by then: it takes as long to import as all else of a process that asks nobody

    context = ssl.create_default_context(cafile=certifi.where())
    factory = None if host in named else _public_socket
    connector = aiohttp.TCPConnector(ssl=context, socket_factory=factory)
    return aiohttp.ClientSession(connector=connector)


def _public_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for one resolved address, as aiohttp is about to connect it."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise AddressRefused("not a public address")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
