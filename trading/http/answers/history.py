"""① Fills and funding payments as a trader reads them."""

from datetime import datetime

from ledger.insurance import insurance_share
from markets.conversions import lots_text, ppb_text, ticks_text, units_text
from markets.rules import MarketRules
from matching.messages.vocabulary import ExecutionType
from trading.http.answers.answer import Answer
from trading.models import Fill, FundingPayment


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


class FillAnswer(Answer, frozen=True):
    """The trader's own side of a trade. `realizedPnl` is before the fees.

    `execution` is TRADE, or what closed the position by force: LIQUIDATION, ADL; then there is no
    order. `fee` is the exchange's; `liquidationFee` went to the insurance fund. `insuranceCover` is
    what the fund paid of a loss, `lossShare` what was paid of the losses of others.
    """

    id: int
    trade_id: int
    market_id: str
    order_id: int | None
    client_order_id: str | None
    execution: str
    side: str
    role: str
    qty: str
    price: str
    fee: str
    liquidation_fee: str
    insurance_cover: str
    loss_share: str
    realized_pnl: str
    executed_at: datetime


class FillsPage(Answer, frozen=True):
    fills: list[FillAnswer]
    next_cursor: str | None


def fill_answer(fill: Fill, rules: MarketRules) -> FillAnswer:
    is_liquidation = fill.execution == ExecutionType.LIQUIDATION
    fund = insurance_share(fill.insurance_units, is_liquidation=is_liquidation)
    return FillAnswer(
        id=fill.pk,
        trade_id=fill.trade_id,
        market_id=fill.market_id,
        order_id=fill.order_id,
        client_order_id=fill.order.client_order_id if fill.order else None,
        execution=fill.execution,
        side=fill.side,
        role=fill.role,
        qty=lots_text(fill.size_lots, rules.lot_size),
        price=ticks_text(fill.price_ticks, rules.tick_size),
        fee=units_text(fill.fee_units),
        liquidation_fee=units_text(fund.liquidation_fee_units),
        insurance_cover=units_text(fund.cover_units),
        loss_share=units_text(fund.loss_share_units),
        realized_pnl=units_text(fill.realized_pnl_units),
        executed_at=fill.executed_at,
    )
