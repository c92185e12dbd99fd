"""What the exchange asks of whoever keeps its money outside. Two implementations: `custody.demo`,
`custody.manual`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from matching.messages.limits import MAX_MONEY_UNITS

DEMO, MANUAL = "demo", "manual"  # names of networks
ID_MAX = 120
SEQ_MAX = 2**62


class NewsKind(StrEnum):
    DEPOSIT = "deposit"
    PAYOUT = "payout"


class NewsState(StrEnum):
    """Of a deposit: SEEN in a block, ORPHANED again. Of a payout: TAKEN, not sent yet; SENT, on its
    way; CONFIRMED, arrived; FAILED, and it will never be sent."""

    SEEN = "seen"
    ORPHANED = "orphaned"
    TAKEN = "taken"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"


DEPOSIT_STATES = (NewsState.SEEN, NewsState.ORPHANED)
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_MAX)]


class News(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How a transfer stands. ``seq`` numbers all news of a custody: a higher one is later. ``id``:
    of a payout ours, of a deposit custody's. ``reference``: the network's name of it."""

    seq: Annotated[int, msgspec.Meta(ge=1, le=SEQ_MAX)]
    kind: NewsKind
    id: Text
    address: Text
    amount_units: Annotated[int, msgspec.Meta(ge=1, le=MAX_MONEY_UNITS)]
    state: NewsState
    confirmations: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    reference: Annotated[str, msgspec.Meta(max_length=ID_MAX)] = ""
    words: Annotated[str, msgspec.Meta(max_length=300)] = ""

    def __post_init__(self) -> None:
        if (self.kind is NewsKind.DEPOSIT) is not (self.state in DEPOSIT_STATES):
            raise ValueError(f"a {self.kind} is never {self.state}")
        if "\0" in self.id + self.address + self.reference + self.words:
            raise ValueError("text without NUL")


@dataclass(frozen=True)
class CustodyBalance:
    """What custody holds once all of its news up to ``seq`` are true."""

    units: int
    seq: int


class CustodyAway(Exception):
    """Nothing is known of what was asked: ask again, under the same id."""


class Unsendable(Exception):
    """Custody will never send this, and says so."""


class Custody(Protocol):
    """Raises CustodyAway where custody doesn't answer."""

    def is_address(self, text: str) -> bool:
        """Whether money can be sent there, as far as its form says; asks nobody."""

    def send(self, send_id: str, address: str, amount_units: int) -> News | None:
        """Once, however often it is asked under the same id. None: taken, and news follows. Raises
        Unsendable."""

    def news(self, after: int, limit: int) -> list[News]:
        """Those with the lowest numbers above ``after``, in their order."""

    def balance(self) -> CustodyBalance | None:
        """None where custody can't say."""

    def new_addresses(self, count: int) -> list[str]:
        """At which money arrives that is ours; each is new."""
