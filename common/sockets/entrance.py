"""Who may connect to sockets, and how many at once: of all together, and of one address.

Who may is the API's rule: a Host that is ours, and no page of another site.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from common.http.addresses import Address, origin_of
from common.limits.budgets import Ask, LocalBudgets, Rate
from common.sockets.closing import NOT_ALLOWED, TRY_AGAIN_LATER, Refusal

HANDSHAKES = Rate(10, 1, burst=300)  # of an address


class SocketEntrance:
    """One for all sockets of a process that count together."""

    def __init__(self, *, connections_max: int, per_address_max: int) -> None:
        self._connections_max = connections_max
        self._per_address_max = per_address_max
        self._per_address: Counter[str] = Counter()
        self._handshakes = LocalBudgets()

    def refusal(self, scope: Any, address: Address | None) -> Refusal | None:
        return door_refusal(scope) or self.crowd_refusal(address)

    def crowd_refusal(self, address: Address | None) -> Refusal | None:
        origin = origin_of(address)
        if self._per_address.total() >= self._connections_max:
            return TRY_AGAIN_LATER, "too many connections; try again later"
        if self._per_address[origin] >= self._per_address_max:
            return TRY_AGAIN_LATER, "too many connections from this address"
        _, granted = self._handshakes.spend(Ask(origin, HANDSHAKES))
        if not granted:
            return TRY_AGAIN_LATER, "too many connects from this address; wait"
        return None

    @contextmanager
    def passed(self, address: Address | None) -> Iterator[None]:
        """While it is connected."""
        origin = origin_of(address)
        self._per_address[origin] += 1
        try:
            yield
        finally:
            self._per_address[origin] -= 1
            if not self._per_address[origin]:
                del self._per_address[origin]


def door_refusal(scope: Any) -> Refusal | None:
    """Of a handshake, wherever it leads and however many there are."""
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    if len(hosts) != 1 or not _is_ours(hosts[0]):
        return NOT_ALLOWED, "this host is not in ALLOWED_HOSTS"
    if not all(map(_is_page_of_ours, origins)):
        return NOT_ALLOWED, "pages of this origin may not connect"
    return None


def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _is_page_of_ours(origin: str) -> bool:
    """Browsers say where a page comes from; programs needn't."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        return _is_ours(urlsplit(origin).netloc)
    except ValueError:
        return False
