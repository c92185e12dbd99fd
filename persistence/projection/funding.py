"""⑤ A settlement of funding onto the positions that paid and got."""

from matching.messages.events import (
    FundingSettled,
    OutputEntry,
)
from persistence.projection.batch import Batch, ProjectedPosition
from persistence.projection.outcomes import (
    FundingRow,
    PaymentRow,
)


def project_funding_settled(batch: Batch, _entry: OutputEntry, event: FundingSettled) -> None:
    status = batch.market_status()
    interval_rate = event.interval_rate_ppb
    status.funding_rate_ppb = event.rate_ppb if interval_rate is None else interval_rate
    status.funding_since_ms = status.funding_accrued_ppb = 0
    status.funding_is_split = False
    status.funding_carry = event.carry
    status.next_funding_ms = event.next_funding_ms
    status.premium_sum_ppb = 0
    status.premium_count = 0
    payments = []
    for payment in event.payments:
        row = batch.position_of(payment.account_id)
        lots = -payment.amount_units // event.per_lot_units
        _set_position(batch, row, lots, payment.entry_cost_units, payment.margin_units)
        row.realized_pnl_units += payment.from_profit_units
        batch.lives.fund(payment.account_id, payment.amount_units, payment.from_profit_units)
        payments.append(
            PaymentRow(payment.account_id, lots, payment.amount_units, payment.from_profit_units)
        )
    paid_units = sum(p.amount_units for p in payments if p.amount_units > 0)
    batch.perps.fundings.append(
        FundingRow(
            batch.seq,
            event.funding_time_ms,
            batch.time_ms,
            event.rate_ppb,
            event.mark_price_ticks,
            event.per_lot_units,
            paid_units,
            event.carry,
            payments,
        )
    )
    batch.post(event)


def _set_position(
    batch: Batch, row: ProjectedPosition, lots: int, entry_cost_units: int, margin_units: int
) -> None:
    row.position_lots = lots
    row.entry_cost_units = entry_cost_units
    row.margin_units = margin_units
    row.seq = batch.seq
    row.updated_ms = batch.time_ms
