"""① What the API answers about a trader's past: funding payments and closed positions."""

from datetime import datetime

from markets.conversions import average_price_text, lots_text, ppb_text, ticks_text, units_text
from markets.rules import MarketRules
from trading.http.answers import Answer
from trading.models import FundingPayment, PositionLife


class FundingPaymentAnswer(Answer, frozen=True):
    """`amount` is what the trader got, below zero paid: `qty` / lot size × `amountPerLot`, which
    longs pay and shorts get. Where the margin was less than what was owed, `fromProfit` of the
    unrealised profit was realised to pay the rest."""

    id: int
    market_id: str
    seq: int
    funding_time: datetime
    settled_at: datetime
    rate: str
    mark_price: str
    amount_per_lot: str
    side: str
    qty: str
    amount: str
    from_profit: str


class FundingPaymentsPage(Answer, frozen=True):
    payments: list[FundingPaymentAnswer]
    next_cursor: str | None


class ClosedPositionAnswer(Answer, frozen=True):
    """A position from flat to flat, or to the other side. `ending` is how: CLOSED or FLIPPED by an
    order, LIQUIDATED, ADL or SETTLED.

    `qty` is all that closed, `maxQty` the most it was. `entryPrice` and `exitPrice` are averages of
    the fills' prices. `netPnl` is `realizedPnl` − `fee` − `liquidationFee` + `insuranceCover` −
    `lossShare` + `funding`.
    """

    id: int
    market_id: str
    side: str
    ending: str
    qty: str
    max_qty: str
    entry_price: str
    exit_price: str
    realized_pnl: str
    fee: str
    liquidation_fee: str
    insurance_cover: str
    loss_share: str
    funding: str
    net_pnl: str
    opened_at: datetime
    closed_at: datetime | None


class ClosedPositionsPage(Answer, frozen=True):
    positions: list[ClosedPositionAnswer]
    next_cursor: str | None


def funding_payment_answer(payment: FundingPayment, rules: MarketRules) -> FundingPaymentAnswer:
    settlement = payment.settlement
    return FundingPaymentAnswer(
        id=payment.pk,
        market_id=settlement.market_id,
        seq=settlement.seq,
        funding_time=settlement.funding_time,
        settled_at=settlement.settled_at,
        rate=ppb_text(settlement.rate_ppb),
        mark_price=ticks_text(settlement.mark_price_ticks, rules.tick_size),
        amount_per_lot=units_text(settlement.per_lot_units),
        side="LONG" if payment.position_lots > 0 else "SHORT",
        qty=lots_text(abs(payment.position_lots), rules.lot_size),
        amount=units_text(payment.amount_units),
        from_profit=units_text(payment.from_profit_units),
    )


def closed_position_answer(life: PositionLife, rules: MarketRules) -> ClosedPositionAnswer:
    scale = rules.units_per_tick_lot, rules.tick_size
    net_units = (
        life.realized_pnl_units
        - life.fee_units
        - life.liquidation_fee_units
        + life.insurance_units
        - life.loss_share_units
        + life.funding_units
    )
    return ClosedPositionAnswer(
        id=life.pk,
        market_id=life.market_id,
        side=life.side,
        ending=life.ending,
        qty=lots_text(int(life.exit_lots), rules.lot_size),
        max_qty=lots_text(life.max_lots, rules.lot_size),
        entry_price=average_price_text(int(life.entry_units), int(life.entry_lots), *scale),
        exit_price=average_price_text(int(life.exit_units), int(life.exit_lots), *scale),
        realized_pnl=units_text(life.realized_pnl_units),
        fee=units_text(life.fee_units),
        liquidation_fee=units_text(life.liquidation_fee_units),
        insurance_cover=units_text(life.insurance_units),
        loss_share=units_text(life.loss_share_units),
        funding=units_text(life.funding_units),
        net_pnl=units_text(net_units),
        opened_at=life.opened_at,
        closed_at=life.closed_at,
    )
