"""Addresses a key may be used from, as its owner lists them."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from common.errors import DomainError, invalid

Network = IPv4Network | IPv6Network

NETWORKS_MAX = 50
# A list that lets half of the world in protects nobody.
PREFIX_MIN = {4: 8, 6: 16}
_MAPPED = ip_network("::ffff:0:0/96")
_FIELD = "addresses"


def read_networks(texts: Sequence[str]) -> list[str]:
    """In their shortest form, each once, as given. Raises DomainError."""
    if len(texts) > NETWORKS_MAX:
        raise invalid(_FIELD, f"{_FIELD} may have {NETWORKS_MAX} entries at most.")
    return list(dict.fromkeys(str(_network(text)) for text in texts))


def _network(text: str) -> Network:
    try:
        network = ip_network(text.strip()) if "%" not in text else None
    except ValueError:
        network = None
    if network is None:
        raise _refused(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):  # type: ignore[arg-type]
        address = network.network_address.ipv4_mapped
        network = IPv4Network((int(address or 0), network.prefixlen - 96))
    if network.prefixlen < PREFIX_MIN[network.version]:
        message = (
            f"{_FIELD}: {network} is too wide. A network has a prefix of /{PREFIX_MIN[4]} or more, "
            f"in IPv6 /{PREFIX_MIN[6]}; leave the list empty to allow any address."
        )
        raise invalid(_FIELD, message)
    return network


def _refused(text: str) -> DomainError:
    shown = text[:64]
    try:
        meant = ip_network(text.strip(), strict=False)
    except ValueError:
        example = "203.0.113.7, 203.0.113.0/24 or 2001:db8::/48"
        return invalid(_FIELD, f"{_FIELD}: {shown!r} is no address or network, such as {example}.")
    message = f"{_FIELD}: {shown} has bits set beyond its prefix. Did you mean {meant}?"
    return invalid(_FIELD, message)
