"""Keys as this process knows them: read from Postgres when met, and again after `REFRESH_S`.

So a revocation counts everywhere within `REFRESH_S`, and a request asks nothing. Requests that
arrive together have the keys that must be read, read in one query (`KnownKeys.read`); keys fall due
at whole seconds, so that those in use are asked for together. Ids that
nobody has are kept apart, and fewer of them: whoever makes them up drives out no key.
"""

import math
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_network

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from accounts.access.caller import Caller
from accounts.keys.headers import ED25519, PUBLIC_ID
from accounts.keys.networks import Network
from accounts.keys.signing import Ed25519Verifier, HmacVerifier, Verifier
from accounts.models import ApiKey
from accounts.sealing import Unopened, unseal
from common.http.addresses import Address
from common.scopes import Scope

REFRESH_S = 5.0
KEYS_MAX = 10_000
STRANGERS_MAX = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyUser(Caller):
    """The user a key stands for, and what it lets its sender do."""

    key_id: int
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KnownKey:
    """``verifier`` None: no sealing key opens its secret. ``ends_s`` is Unix time."""

    user: KeyUser
    verifier: Verifier | None
    networks: tuple[Network, ...]
    ends_s: float | None
    is_revoked: bool

    def is_allowed_from(self, address: Address | None) -> bool:
        if not self.networks:
            return True
        return address is not None and any(address in network for network in self.networks)


class KnownKeys:
    def __init__(self) -> None:
        self._keys: dict[str, tuple[KnownKey, float]] = {}  # with when it is to be read again
        self._strangers: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, public_id: str) -> KnownKey | None:
        """Raises what Postgres raises while it is away, where it must be asked."""
        now_s = time.monotonic()
        kept = self._keys.get(public_id)
        if kept is not None and now_s < kept[1]:
            return kept[0]
        if now_s < self._strangers.get(public_id, 0.0):
            return None
        return self._read([public_id], now_s).get(public_id)

    def read(self, public_ids: Collection[str]) -> None:
        """Those that would be asked for, in one query."""
        now_s = time.monotonic()
        wanted = [one for one in public_ids if not self._is_fresh(one, now_s)]
        if wanted:
            self._read(wanted, now_s)

    def is_quick(self, public_id: str) -> bool:
        """Whether a signature of it is looked at within microseconds: of HMAC, whether it is a key
        or not, and Postgres need not be asked which."""
        return not public_id.startswith(ED25519) and self._is_fresh(public_id, time.monotonic())

    def forget(self, public_id: str | None = None) -> None:
        """Read it, or all, before it is believed again."""
        with self._lock:
            if public_id is None:
                self._keys.clear()
                self._strangers.clear()
            else:
                self._keys.pop(public_id, None)
                self._strangers.pop(public_id, None)

    def _is_fresh(self, public_id: str, now_s: float) -> bool:
        kept = self._keys.get(public_id)
        due_s = kept[1] if kept is not None else self._strangers.get(public_id, 0.0)
        return now_s < due_s or not PUBLIC_ID.fullmatch(public_id)

    def _read(self, public_ids: list[str], now_s: float) -> dict[str, KnownKey]:
        with self._lock:  # else a reading under way would outlast a `forget`
            rows = ApiKey.objects.filter(public_id__in=set(public_ids))
            found = {row.public_id: _known(row) for row in rows}
            due_s = math.floor(now_s + REFRESH_S)
            for public_id in public_ids:
                self._keys.pop(public_id, None)  # what was read last comes last
                if public_id in found:
                    self._strangers.pop(public_id, None)
                    self._keys[public_id] = found[public_id], due_s
                else:
                    self._strangers[public_id] = due_s
            for kept, most in ((self._keys, KEYS_MAX), (self._strangers, STRANGERS_MAX)):
                while len(kept) > most:  # the one that was read longest ago
                    del kept[next(iter(kept))]
        return found


def _known(row: ApiKey) -> KnownKey:
    return KnownKey(
        user=KeyUser(row.user_id, row.pk, row.scopes),
        verifier=_verifier(row),
        networks=tuple(ip_network(text) for text in row.addresses),
        ends_s=row.expires_at.timestamp() if row.expires_at else None,
        is_revoked=row.revoked_at is not None,
    )


def _verifier(row: ApiKey) -> Verifier | None:
    if row.public_key is not None:
        return Ed25519Verifier(Ed25519PublicKey.from_public_bytes(bytes(row.public_key)))
    try:
        sealed = bytes(row.sealed_secret or b"")
        return HmacVerifier(unseal(sealed, row.public_id, row.user_id).encode())
    except Unopened:
        log.error("api_key_unopened", key=row.pk)
        return None


known_keys = KnownKeys()
