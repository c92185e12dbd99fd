"""A ledger in cells, as [scaling](../../docs/scaling.md#where-one-postgres-ends) sketches it.

A user's accounts live in one cell, by the user's id. Every cell reads the output of every market
from a cursor of its own, and writes what is its users' part of each entry: the same posting rules
as the one ledger has. The house's accounts exist in every cell, and are the sums of them.

What moves money between users of several cells is no message: each cell has its part of the entry,
and what its part lacks to zero stands on an account *between* cells, by market and sequence. Over
all cells that have come to a sequence these sum to zero. A transfer is a message: it leaves with
its journal entry in one commit, and arrives once by its id, however often it is delivered.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from ledger.models import AccountKind, EntryKind
from ledger.posting_rules import POSTING_RULES, Movement, Owner, PostingLine
from matching.messages.events import OutputEntry

Balances = Counter[tuple[AccountKind, Owner]]


@dataclass(frozen=True)
class Transfer:
    transfer_id: int
    from_user: int
    to_user: int
    amount_units: int


class Moves(NamedTuple):
    """What one output entry moves; the same for whoever reads it."""

    seq: int
    movements: tuple[Movement, ...]


def moves_of(market_id: str, entry: OutputEntry) -> Moves:
    movements = (POSTING_RULES[type(event)](market_id, event) for event in entry.events)
    return Moves(entry.seq, tuple(chain.from_iterable(movements)))


def hold(user_id: int, amount_units: int, order_id: int) -> Movement:
    lines = (
        PostingLine(AccountKind.AVAILABLE, user_id, -amount_units),
        PostingLine(AccountKind.HELD, user_id, amount_units),
    )
    return Movement(EntryKind.ORDER_HOLD, order_id, None, lines)


@dataclass
class Ledger:
    """One that has it all: what the cells are compared with."""

    balances: Balances = field(default_factory=Counter)

    def write(self, movements: Iterable[Movement]) -> None:
        for movement in movements:
            assert sum(line.amount_units for line in movement.lines) == 0
            for line in movement.lines:
                self.balances[line.kind, line.owner] += line.amount_units


@dataclass
class Cell:
    """``between``: what others have the rest of, by market and sequence. ``leaving``: transfers
    that arrived nowhere yet, as far as this cell knows; ``arrived``: ids of those taken in."""

    number: int
    of: int
    balances: Balances = field(default_factory=Counter)
    cursors: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    between: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    leaving: dict[int, Transfer] = field(default_factory=dict)
    arrived: set[int] = field(default_factory=set)
    in_transit_units: int = 0  # left here, less arrived here

    def is_home_of(self, owner: Owner) -> bool:
        return isinstance(owner, int) and owner % self.of == self.number

    def persist(self, market_id: str, entries: Sequence[Moves], *, crashes: bool) -> None:
        """What comes after the cursor, whatever is handed in; all of it or, in a crash, nothing."""
        todo = [entry for entry in entries if entry.seq > self.cursors[market_id]]
        balances, between = Counter(self.balances), Counter(self.between[market_id])
        for entry in todo:
            for movement in entry.movements:
                own, lacking_units = self._part(market_id, movement)
                for line in own:
                    balances[line.kind, line.owner] += line.amount_units
                if lacking_units:
                    between[entry.seq] += lacking_units
        if todo and not crashes:
            self.balances, self.between[market_id] = balances, between
            self.cursors[market_id] = todo[-1].seq
            self.check()

    def _part(self, market_id: str, movement: Movement) -> tuple[list[PostingLine], int]:
        """This cell's lines, and what they lack to zero. The house's lines go with the user of the
        movement; those of several users, or of none, stay at the market's own cell."""
        users = {line.owner for line in movement.lines if isinstance(line.owner, int)}
        home = min(users) if len(users) == 1 else sum(market_id.encode())
        own = [
            line
            for line in movement.lines
            if self.is_home_of(line.owner if isinstance(line.owner, int) else home)
        ]
        return own, -sum(line.amount_units for line in own)

    def write(self, movement: Movement) -> None:
        """Of one user of this cell: a deposit, a hold."""
        for line in movement.lines:
            self.balances[line.kind, line.owner] += line.amount_units
        self.check()

    def send(self, transfer: Transfer) -> None:
        self.balances[AccountKind.AVAILABLE, transfer.from_user] -= transfer.amount_units
        self.in_transit_units += transfer.amount_units
        self.leaving[transfer.transfer_id] = transfer
        self.check()

    def receive(self, transfer: Transfer) -> None:
        if transfer.transfer_id not in self.arrived:
            self.arrived.add(transfer.transfer_id)
            self.balances[AccountKind.AVAILABLE, transfer.to_user] += transfer.amount_units
            self.in_transit_units -= transfer.amount_units
        self.check()

    def check(self) -> None:
        """A cell by itself: its books are even, and nobody in it has less than nothing."""
        lacking = sum(sum(of_market.values()) for of_market in self.between.values())
        assert sum(self.balances.values()) + lacking + self.in_transit_units == 0
        assert all(
            units >= 0 for (_, owner), units in self.balances.items() if self.is_home_of(owner)
        )


def united(cells: Iterable[Cell]) -> Balances:
    found: Balances = Counter()
    for cell in cells:
        found.update(cell.balances)
    return found


def reconciled(cells: Sequence[Cell], lengths: Mapping[str, int]) -> bool:
    """As far as all cells have come in each market, what stands between them is even."""
    for market_id in lengths:
        reached = min(cell.cursors[market_id] for cell in cells)
        lacking: Counter[int] = Counter()
        for cell in cells:
            lacking.update(cell.between[market_id])
        if any(units for seq, units in lacking.items() if seq <= reached):
            return False
    return True
