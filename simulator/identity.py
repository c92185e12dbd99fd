"""Who the simulated traders are: the same names and passwords on every start."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    MAKER = "maker"
    TAKER = "taker"
    CLOSER = "closer"
    GAMBLER = "gambler"


# A cycle, so that any number of traders has every kind, makers first.
_CYCLE = (Kind.MAKER, Kind.TAKER, Kind.MAKER, Kind.GAMBLER, Kind.CLOSER, Kind.GAMBLER)


@dataclass(frozen=True)
class Identity:
    username: str
    password: str
    kind: Kind


def identities(seed: int, count: int, secret: str) -> list[Identity]:
    """The traders of a seed. Passwords are derived from the installation's secret: not guessable
    from the seed, and the same again on the second start."""
    traders = []
    for number in range(count):
        kind = _CYCLE[number % len(_CYCLE)]
        username = f"sim{seed}-{kind}-{number + 1:02d}"
        digest = hmac.new(secret.encode(), f"simulator:{username}".encode(), hashlib.sha256)
        password = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
        traders.append(Identity(username, password, kind))
    return traders
