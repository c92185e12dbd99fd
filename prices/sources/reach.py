"""Where a price source may lead: to public addresses, and to hosts that a setting names.

An operator writes the address of a source. The price process and *Check now* would ask whatever
that is, inside the operator's own network too, and a name may resolve differently each time it is
looked up. So it is the socket that is refused: every connection, of a redirect as well, is opened
to an address that was looked at, whatever name or literal led there.
"""

import socket
import ssl
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Any

import aiohttp
import certifi


class AddressRefused(OSError):
    """The address is not a public one."""


def is_public(address: str) -> bool:
    """Whether anyone on the internet would be asked: not this machine, not this network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None and not inner.is_global:
            return False
    return parsed.is_global and not parsed.is_multicast


def host_problem(host: str, named: Collection[str]) -> str | None:
    """Why a source may not have this host in its address; None if it may. Names are looked at
    when they are connected to."""
    if host in named:
        return None
    is_literal = ":" in host or host.replace(".", "").isdigit()
    if host == "localhost" or (is_literal and not is_public(host)):
        return f"{host} is not a public address. PRICE_SOURCE_HOSTS names the others."
    return None


def session_to(host: str, named: Collection[str]) -> aiohttp.ClientSession:
    """For requests to this host, empty for a venue's own; on the running loop. Close it there."""
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
