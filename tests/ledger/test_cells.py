"""Sixteen cells of a ledger, each at its own pace, killed and told twice, beside one ledger."""

import random
from collections import Counter

import pytest

from benchmarks.traded_session import Session, traded_session
from ledger.models import AccountKind
from ledger.posting_rules import deposit_movement
from matching.messages.commands import PlaceOrder
from tests.ledger.cells import Cell, Ledger, Transfer, hold, moves_of, reconciled, united
from tests.proofs import PROOFS

CELLS, USERS = 16, 200
COMMANDS = 6_200  # past the first funding, to which accounts of many cells pay
FUNDS_UNITS = 10**15


class Run:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sessions: dict[str, Session] = {
            market_id: traded_session(COMMANDS, seed=seed * 10 + number, accounts=USERS)
            for number, market_id in enumerate(("BTC-PERP", "ETH-PERP"))
        }
        self.entries = {
            market_id: [moves_of(market_id, entry) for entry in session.entries]
            for market_id, session in self.sessions.items()
        }
        self.one = Ledger()
        self.cells = [Cell(number, CELLS) for number in range(CELLS)]
        self.transfers = 0

    @property
    def lengths(self) -> dict[str, int]:
        return {market_id: len(entries) for market_id, entries in self.entries.items()}

    def home_of(self, user_id: int) -> Cell:
        return self.cells[user_id % CELLS]

    def begin(self) -> None:
        """Money comes in, and every order is held for before its engine has it."""
        movements = [deposit_movement(user_id, FUNDS_UNITS) for user_id in range(1, USERS + 1)]
        for session in self.sessions.values():
            movements += [
                hold(placed.account_id, placed.hold_units, placed.order_id)
                for placed in session.commands
                if isinstance(placed, PlaceOrder)
            ]
        self.one.write(movements)
        for movement in movements:
            owner = next(line.owner for line in movement.lines if isinstance(line.owner, int))
            self.home_of(owner).write(movement)

    def step(self) -> None:
        draw, cell = self.rng.random(), self.rng.choice(self.cells)
        if draw < 0.7:
            market_id = self.rng.choice(list(self.sessions))
            # Perhaps once more from before the cursor, as a second delivery has it.
            first = max(0, cell.cursors[market_id] - self.rng.randint(0, 20))
            count = self.rng.randint(1, 1_000)
            entries = self.entries[market_id][first : first + count]
            cell.persist(market_id, entries, crashes=self.rng.random() < 0.2)
        elif draw < 0.8:
            self._send()
        elif self.transfers:
            self._deliver()

    def _send(self) -> None:
        self.transfers += 1
        sender, receiver = self.rng.sample(range(1, USERS + 1), 2)
        transfer = Transfer(self.transfers, sender, receiver, self.rng.randint(1, 10**6))
        self.home_of(sender).send(transfer)

    def _deliver(self) -> None:
        sent = [transfer for cell in self.cells for transfer in cell.leaving.values()]
        transfer = self.rng.choice(sent)
        self.home_of(transfer.to_user).receive(transfer)

    def finish(self) -> None:
        for cell in self.cells:
            for market_id, entries in self.entries.items():
                cell.persist(market_id, entries, crashes=False)
            for transfer in cell.leaving.values():
                self.home_of(transfer.to_user).receive(transfer)
        for entries in self.entries.values():
            for entry in entries:
                self.one.write(entry.movements)

    def moved(self) -> dict[int, int]:
        """What transfers moved, which the one ledger knows nothing of."""
        moved: Counter[int] = Counter()
        for cell in self.cells:
            for transfer in cell.leaving.values():
                moved[transfer.from_user] -= transfer.amount_units
                moved[transfer.to_user] += transfer.amount_units
        return moved


@pytest.mark.parametrize("seed", range(1, PROOFS + 1))
def test_sixteen_cells_are_one_ledger(seed: int) -> None:
    run = Run(seed)
    run.begin()
    for _ in range(600):
        run.step()
        assert reconciled(run.cells, run.lengths)
        in_transit = sum(cell.in_transit_units for cell in run.cells)
        arrived = {number for cell in run.cells for number in cell.arrived}
        sent = [transfer for cell in run.cells for transfer in cell.leaving.values()]
        assert in_transit == sum(t.amount_units for t in sent if t.transfer_id not in arrived)
    run.finish()
    assert reconciled(run.cells, run.lengths)
    assert sum(cell.in_transit_units for cell in run.cells) == 0
    expected = run.one.balances
    for user_id, units in run.moved().items():
        expected[AccountKind.AVAILABLE, user_id] += units
    found = united(run.cells)
    assert {key: units for key, units in found.items() if units} == {
        key: units for key, units in expected.items() if units
    }
    kinds = {kind for kind, _ in found}
    assert {AccountKind.CLEARING, AccountKind.FEES, AccountKind.INSURANCE} <= kinds
    assert any(cell.between[market_id] for cell in run.cells for market_id in run.sessions)


def test_what_one_cell_lacks_is_seen() -> None:
    """A cell that wrote one line twice is even neither by itself nor among the others."""
    run = Run(1)
    run.begin()
    run.finish()
    between = next(cell.between["BTC-PERP"] for cell in run.cells if cell.between["BTC-PERP"])
    seq = next(iter(between))
    between[seq] += 1
    assert not reconciled(run.cells, run.lengths)
    with pytest.raises(AssertionError):
        next(cell for cell in run.cells if cell.between["BTC-PERP"] is between).check()
