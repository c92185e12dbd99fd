"""⑤ What a batch changes beyond orders' fills and positions: the perpetual rules' own rows."""

from dataclasses import dataclass, field
from typing import NamedTuple


class LiquidationRow(NamedTuple):
    """In the order of the columns; see `trading.models.Liquidation`."""

    user_id: int
    seq: int
    ordinal: int
    liquidated_at: str
    mark_price_ticks: int
    position_lots: int
    entry_cost_units: int
    margin_units: int
    equity_units: int
    maintenance_units: int
    fee_reserve_units: int
    limit_ticks: int
    cancelled_orders: int
    filled_lots: int
    deleveraged_lots: int
    fee_units: int
    insurance_paid_units: int
    left_lots: int
    returned_units: int


class PaymentRow(NamedTuple):
    user_id: int
    position_lots: int
    amount_units: int
    from_profit_units: int


class FundingRow(NamedTuple):
    seq: int
    funding_time_ms: int
    settled_ms: int
    rate_ppb: int
    mark_price_ticks: int
    per_lot_units: int
    paid_units: int
    carry: int
    payments: list[PaymentRow]


class SettlementRow(NamedTuple):
    """In the order of the columns; see `trading.models.Settlement`."""

    user_id: int
    seq: int
    settled_at: str
    price_ticks: int
    position_lots: int
    realized_pnl_units: int
    insurance_units: int
    returned_units: int


class HoldRequest(NamedTuple):
    """A triggered order that needs its hold; the mark price as it fired, 0 if the batch says none.

    Sequence and time are those of the entry it fired in.
    """

    order_id: int
    mark_price_ticks: int
    seq: int
    time_text: str


@dataclass(slots=True)
class PerpetualChanges:
    """``countdowns``: by user due ms, 0 for one that ended, and whether waiting reduce-only orders
    go, too; ``countdowns_over``: all of the market ended first. ``applied_before``: commands that
    took effect in an earlier batch, as far as refusals of the batch need to know."""

    hold_requests: list[HoldRequest] = field(default_factory=list)
    liquidations: list[LiquidationRow] = field(default_factory=list)
    fundings: list[FundingRow] = field(default_factory=list)
    settlements: list[SettlementRow] = field(default_factory=list)
    countdowns: dict[int, tuple[int, bool]] = field(default_factory=dict)
    countdowns_over: bool = False
    applied_before: frozenset[int] = frozenset()
