"""One line of the list, its place in it, and the kinds of lines there are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from common.admin import NOTHING
from common.admin.base import Cell

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS_LENGTH_MAX = 18


class TimelineKind(StrEnum):
    COMMAND = "command"
    ORDER = "order"
    EVENT = "event"
    STATE = "state"
    PRICE = "price"
    FILL = "fill"
    LIQUIDATION = "liquidation"
    FUNDING = "funding"
    MONEY = "money"
    OPERATOR = "operator"
    DEAD_LETTER = "dead_letter"
    FAULT = "fault"
    RECONCILE = "reconcile"


class KindShown(NamedTuple):
    """``permission``: to see such lines at all; ``tone``: of its badge."""

    title: str
    permission: str
    tone: str = "plain"
    is_usual: bool = True


KINDS: dict[TimelineKind, KindShown] = {
    TimelineKind.COMMAND: KindShown("Commands", "trading.view_outboxcommand"),
    TimelineKind.ORDER: KindShown("Orders placed", "trading.view_order"),
    TimelineKind.EVENT: KindShown("Events", "trading.view_outboxcommand"),
    TimelineKind.STATE: KindShown("Market states", "trading.view_outboxcommand", "warn"),
    # One a second and more: they would fill the list.
    TimelineKind.PRICE: KindShown("Mark prices", "trading.view_outboxcommand", is_usual=False),
    TimelineKind.FILL: KindShown("Fills", "trading.view_fill"),
    TimelineKind.LIQUIDATION: KindShown("Liquidations", "trading.view_liquidation", "bad"),
    TimelineKind.FUNDING: KindShown("Funding", "trading.view_fundingsettlement"),
    TimelineKind.MONEY: KindShown("Postings", "ledger.view_journalentry"),
    TimelineKind.OPERATOR: KindShown("Operators’ acts", "console.view_auditrow", "warn"),
    TimelineKind.DEAD_LETTER: KindShown("Dead letters", "persistence.view_deadletter", "bad"),
    TimelineKind.FAULT: KindShown("Persistence faults", "persistence.view_persistencefault", "bad"),
    TimelineKind.RECONCILE: KindShown("Reconciliations", "persistence.view_reconcilerun"),
}


class LinePlace(NamedTuple):
    """Where a line stands: ``seq`` 0 for none, ``rank`` that of its source, ``key`` of its row."""

    at: datetime
    seq: int
    rank: int
    key: int

    def text(self) -> str:
        us = (self.at - _EPOCH) // timedelta(microseconds=1)
        return f"{us}-{self.seq}-{self.rank}-{self.key}"


def place_of(text: str) -> LinePlace:
    """Raises ValueError for what `Place.text` never said."""
    parts = text.split("-")
    if len(parts) != len(LinePlace._fields) or not all(
        part.isascii() and part.isdigit() and len(part) <= _PARTS_LENGTH_MAX for part in parts
    ):
        raise ValueError("no place of a line")
    us, seq, rank, key = map(int, parts)
    try:
        return LinePlace(_EPOCH + timedelta(microseconds=us), seq, rank, key)
    except OverflowError as error:
        raise ValueError("no place of a line") from error


@dataclass(frozen=True)
class TimelineLine:
    """``seq`` is what is shown, also of a line whose place in the list has none."""

    place: LinePlace
    kind: TimelineKind
    words: Cell
    record: Cell = NOTHING
    seq: int | None = None

    @property
    def time(self) -> str:
        """In UTC, to the millisecond."""
        at = self.place.at.astimezone(UTC)
        return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1_000:03}"

    @property
    def title(self) -> str:
        return self.kind.replace("_", " ")

    @property
    def tone(self) -> str:
        return KINDS[self.kind].tone


class LinesPage(NamedTuple):
    """Of one source: its lines in order, and the place up to which there are no others; None where
    there is nothing more to come."""

    lines: list[TimelineLine]
    cut_at: LinePlace | None
