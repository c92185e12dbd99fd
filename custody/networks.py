"""The networks there are, and who serves each."""

from dataclasses import dataclass

from django.conf import settings

from common.errors import invalid
from custody.interface import DEMO, Custody
from custody.manual.custody import ManualCustody


@dataclass(frozen=True)
class Network:
    """``confirmations``: how many a deposit needs."""

    name: str
    custody: Custody
    confirmations: int


def networks() -> dict[str, Network]:
    """By name, as `CUSTODY_NETWORKS` has them."""
    return {name: _network(name) for name in settings.CUSTODY_NETWORKS}


def _network(name: str) -> Network:
    if name == DEMO:
        from custody.demo.client import DemoCustody  # its HTTP client, where there is a demo

        custody = DemoCustody(settings.DEMO_CHAIN_URL, settings.CUSTODY_TOKEN)
        return Network(name, custody, settings.DEMO_CONFIRMATIONS)
    return Network(name, ManualCustody(), 0)


def network_named(name: str) -> Network:
    """Raises DomainError."""
    found = networks().get(name)
    if found is None:
        known = ", ".join(networks()) or "none"
        raise invalid("network", f"There is no network {name[:40]!r}. Known are: {known}.")
    return found
