"""Fills as rows of a file, and what a file adds up to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from ledger.archive.rows import ColumnKind, Layout, Row


class ArchivedFill(NamedTuple):
    """As the columns of `FILLS` are."""

    id: int
    market_id: str
    trade_id: int
    role: str
    order_id: int | None
    execution: str
    user_id: int
    side: str
    price_ticks: int
    size_lots: int
    fee_units: int
    realized_pnl_units: int
    insurance_units: int
    seq: int
    executed_at: datetime


_KINDS = {
    "id": ColumnKind.RISING,
    "market_id": ColumnKind.WORD,
    "role": ColumnKind.WORD,
    "order_id": ColumnKind.NUMBER_OR_NONE,
    "execution": ColumnKind.WORD,
    "side": ColumnKind.WORD,
    "executed_at": ColumnKind.TIME,
}
FILLS = Layout(
    "trading_fill",
    tuple((name, _KINDS.get(name, ColumnKind.NUMBER)) for name in ArchivedFill._fields),
    summed="fee_units",
    version=1,
)


@dataclass
class MarketContents:
    """Of one market in a file."""

    row_count: int = 0
    fee_units: int = 0
    first_trade_id: int = 0
    last_trade_id: int = 0
    last_seq: int = 0
    first_at: datetime = datetime.max
    last_at: datetime = datetime.min
    groups: list[int] = field(default_factory=list)

    def add(self, group: int, fill: ArchivedFill) -> None:
        if not self.row_count:
            self.first_at = self.last_at = fill.executed_at
            self.first_trade_id = fill.trade_id
        self.row_count += 1
        self.fee_units += fill.fee_units
        self.first_trade_id = min(self.first_trade_id, fill.trade_id)
        self.last_trade_id = max(self.last_trade_id, fill.trade_id)
        self.last_seq = max(self.last_seq, fill.seq)
        self.first_at = min(self.first_at, fill.executed_at)
        self.last_at = max(self.last_at, fill.executed_at)
        if not self.groups or self.groups[-1] != group:
            self.groups.append(group)


@dataclass
class TraderContents:
    """Of one trader in a file."""

    row_count: int = 0
    last_at: datetime = datetime.min
    groups: list[int] = field(default_factory=list)

    def add(self, group: int, fill: ArchivedFill) -> None:
        self.last_at = max(self.last_at, fill.executed_at) if self.row_count else fill.executed_at
        self.row_count += 1
        if not self.groups or self.groups[-1] != group:
            self.groups.append(group)


@dataclass
class FillContents:
    """What a file adds up to, by market and by trader."""

    row_count: int = 0
    amount_units: int = 0
    markets: dict[str, MarketContents] = field(default_factory=lambda: defaultdict(MarketContents))
    traders: dict[int, TraderContents] = field(default_factory=lambda: defaultdict(TraderContents))

    def add(self, group: int, rows: Sequence[Row]) -> None:
        for row in rows:
            fill = ArchivedFill._make(row)
            self.row_count += 1
            self.amount_units += fill.fee_units
            self.markets[fill.market_id].add(group, fill)
            self.traders[fill.user_id].add(group, fill)
