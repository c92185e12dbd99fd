"""⑤ Positions from flat to flat, added up as fills are recorded (`trading.models.PositionLife`).

A batch starts from the lives that are open in Postgres and adds what its entries say. What a life
should be follows from fills, settlements and payments alone: reconciliation works it out again
(`persistence.reconciliation.lives`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.insurance import insurance_share
from matching.messages.events import (
    FundingSettled,
    OutputEntry,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import ExecutionType, Role
from trading.models import LifeEnding


@dataclass(slots=True)
class Life:
    """The fields are those of the row; ``id`` is 0 for one that isn't in the database yet."""

    user_id: int
    side: str
    id: int = 0
    max_lots: int = 0
    entry_lots: int = 0
    entry_units: int = 0
    exit_lots: int = 0
    exit_units: int = 0
    realized_pnl_units: int = 0
    fee_units: int = 0
    liquidation_fee_units: int = 0
    insurance_units: int = 0
    loss_share_units: int = 0
    funding_units: int = 0
    opened_seq: int = 0
    opened_at: str = ""
    closed_seq: int | None = None
    closed_at: str | None = None
    ending: str = ""

    @property
    def open_lots(self) -> int:
        return self.entry_lots - self.exit_lots

    def add_insurance(self, delta_units: int, ending: LifeEnding) -> None:
        """What went to the insurance fund, or came from it (below zero)."""
        is_liquidation = ending is LifeEnding.LIQUIDATED
        fund = insurance_share(delta_units, is_liquidation=is_liquidation)
        self.liquidation_fee_units += fund.liquidation_fee_units
        self.insurance_units += fund.cover_units
        self.loss_share_units += fund.loss_share_units


class EntryMoment(NamedTuple):
    """An entry's sequence and time."""

    seq: int
    at: str


def ending_of(leg: TradeLeg, execution: ExecutionType, role: Role) -> LifeEnding:
    """Of a position that this leg closes. Bankrupt accounts are the takers of a deleveraging: they
    are liquidated, whoever is on the other side is deleveraged."""
    if leg.order_id:
        return LifeEnding.CLOSED
    if execution is ExecutionType.SETTLE:
        return LifeEnding.SETTLED
    if execution is ExecutionType.ADL and role is Role.MAKER:
        return LifeEnding.ADL
    return LifeEnding.LIQUIDATED


@dataclass(slots=True)
class Lives:
    """Of a batch: ``open`` by account, and all that the batch changed."""

    open: dict[int, Life] = field(default_factory=dict)
    touched: dict[int, Life] = field(default_factory=dict)  # by identity, in order of change

    def fill(
        self,
        moment: EntryMoment,
        leg: TradeLeg,
        side: str,
        lots: int,
        value: int,
        ending: LifeEnding,
    ) -> None:
        """A leg of this side and so many lots, each worth ``value`` units at its price."""
        life = self.open.get(leg.account_id)
        closing = min(lots, life.open_lots) if life is not None and life.side != side else 0
        closing_fee = leg.fee_units * closing // lots
        if life is not None and closing:
            life.exit_lots += closing
            life.exit_units += closing * value
            life.realized_pnl_units += leg.realized_pnl_units
            life.fee_units += closing_fee
            life.add_insurance(leg.insurance_delta_units, ending)
            if not life.open_lots:
                life.closed_seq, life.closed_at = moment
                life.ending = LifeEnding.FLIPPED if closing < lots else ending
                del self.open[leg.account_id]
            self.touched[id(life)] = life
        opening = lots - closing
        if opening:
            self._open(moment, leg, side, opening, value, leg.fee_units - closing_fee)

    def _open(
        self, moment: EntryMoment, leg: TradeLeg, side: str, lots: int, value: int, fee_units: int
    ) -> None:
        life = self.open.get(leg.account_id)
        if life is None:
            life = Life(leg.account_id, side, opened_seq=moment.seq, opened_at=moment.at)
            self.open[leg.account_id] = life
        life.entry_lots += lots
        life.entry_units += lots * value
        life.fee_units += fee_units
        life.max_lots = max(life.max_lots, life.open_lots)
        self.touched[id(life)] = life

    def fund(self, account_id: int, amount_units: int, from_profit_units: int) -> None:
        """Without an open life there is nothing to add to: reconciliation says so."""
        life = self.open.get(account_id)
        if life is not None:
            life.funding_units += amount_units
            life.realized_pnl_units += from_profit_units
            self.touched[id(life)] = life


def owners_of(entries: Iterable[OutputEntry]) -> set[int]:
    """Accounts whose open lives the entries need."""
    owners: set[int] = set()
    for entry in entries:
        for event in entry.events:
            if isinstance(event, Trade):
                owners.add(event.taker.account_id)
                owners.add(event.maker.account_id)
            elif isinstance(event, FundingSettled):
                owners.update(payment.account_id for payment in event.payments)
            elif isinstance(event, PositionSettled):
                owners.add(event.leg.account_id)
    return owners
