"""⑤ Positions from flat to flat, added up as fills are recorded (`trading.models.PositionLife`).

A batch starts from the lives that are open in Postgres, adds what its entries say, and writes each
life it touched as it stands then. The cursor's lock keeps anybody else from doing so meanwhile, and
the cursor commits with it, so nothing is added twice. What a life should be follows from fills,
settlements and payments alone: reconciliation works it out again
(`persistence.reconciliation.lives`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.insurance import insurance_share
from matching.messages.events import (
    FundingSettled,
    OutputEntry,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import ExecutionType, Role
from persistence.writing.columns import numbers, numbers_or_nulls, words, words_or_nulls
from persistence.writing.pipeline import Cursor, Statements
from trading.models import LifeEnding

# Written as they stand; the first is the key.
_SUMS = (
    "id", "max_lots", "entry_lots", "entry_units", "exit_lots", "exit_units", "realized_pnl_units",
    "fee_units", "liquidation_fee_units", "insurance_units", "loss_share_units", "funding_units",
)  # fmt: skip
_SUM_ARRAYS = """
    %s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]
"""
_ENDS = "closed_seq, closed_at, ending"
_END_ARRAYS = "%s::bigint[], %s::timestamptz[], %s::text[]"
_BIRTHS = "user_id, side, opened_seq, opened_at"
_BIRTH_ARRAYS = "%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[]"

LOAD_LIVES = f"""
    SELECT user_id, side, {", ".join(_SUMS)} FROM trading_positionlife
     WHERE user_id = ANY(%s::bigint[]) AND market_id = %s AND closed_at IS NULL
"""  # noqa: S608  names of columns
UPDATE_LIVES = f"""
    UPDATE trading_positionlife l
       SET {", ".join(f"{name} = v.{name}" for name in (*_SUMS[1:], *_ENDS.split(", ")))}
      FROM unnest({_SUM_ARRAYS}, {_END_ARRAYS}) AS v({", ".join(_SUMS)}, {_ENDS})
     WHERE l.id = v.id
"""  # noqa: S608
INSERT_LIVES = f"""
    INSERT INTO trading_positionlife (market_id, {_BIRTHS}, {", ".join(_SUMS[1:])}, {_ENDS})
    SELECT %s, {_BIRTHS}, {", ".join(_SUMS[1:])}, {_ENDS}
      FROM unnest({_BIRTH_ARRAYS}, {_SUM_ARRAYS}, {_END_ARRAYS})
           AS v({_BIRTHS}, {", ".join(_SUMS)}, {_ENDS})
"""  # noqa: S608


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


class Moment(NamedTuple):
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
        self, moment: Moment, leg: TradeLeg, side: str, lots: int, value: int, ending: LifeEnding
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
        self, moment: Moment, leg: TradeLeg, side: str, lots: int, value: int, fee_units: int
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


def load_lives(cursor: Cursor, market_id: str, owners: set[int]) -> Lives:
    if not owners:
        return Lives()
    lives = Lives()
    for user_id, side, *sums in cursor.execute(LOAD_LIVES, (numbers(owners), market_id)):
        values: dict[str, Any] = dict(zip(_SUMS, map(int, sums), strict=True))
        lives.open[user_id] = Life(user_id, side, **values)
    return lives


def write_lives(statements: Statements, market_id: str, lives: Lives) -> None:
    """Those that ended first: a trader has at most one that is open."""
    known = [life for life in lives.touched.values() if life.id]
    if known:
        values = (*_sums(known), *_ends(known))
        statements.add(UPDATE_LIVES, values, expected=len(known), what="position lives")
    new = [life for life in lives.touched.values() if not life.id]
    if new:
        births = (
            numbers(life.user_id for life in new),
            words(life.side for life in new),
            numbers(life.opened_seq for life in new),
            words(life.opened_at for life in new),
        )
        statements.add(INSERT_LIVES, (market_id, *births, *_sums(new), *_ends(new)))


def _sums(lives: list[Life]) -> list[str]:
    return [numbers(getattr(life, name) for life in lives) for name in _SUMS]


def _ends(lives: list[Life]) -> tuple[str, str, str]:
    return (
        numbers_or_nulls(life.closed_seq for life in lives),
        words_or_nulls(life.closed_at for life in lives),
        words(life.ending for life in lives),
    )
