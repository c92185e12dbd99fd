"""① A trader's equity and positions, open and closed, and the leverage of orders to come."""

from datetime import datetime

from markets.conversions import (
    average_price_text,
    lots_text,
    units_text,
)
from markets.rules import MarketRules
from matching.messages.vocabulary import Side
from trading.http.answers.answer import Answer
from trading.http.answers.orders import price_or_none
from trading.http.answers.results import average_price
from trading.models import Position, PositionLife
from trading.positions.equity import Equity
from trading.positions.figures import liquidation_price_ticks, position_figures


class EquityAnswer(Answer, frozen=True):
    """`equity` is the sum of the other four."""

    available: str
    locked: str
    margin: str
    unrealized_pnl: str
    equity: str


def equity_answer(equity: Equity) -> EquityAnswer:
    return EquityAnswer(
        available=units_text(equity.available_units),
        locked=units_text(equity.held_units),
        margin=units_text(equity.margin_units),
        unrealized_pnl=units_text(equity.unrealized_pnl_units),
        equity=units_text(equity.equity_units),
    )


class LeverageSet(Answer, frozen=True):
    message: str
    market_id: str
    leverage: int


class PositionAnswer(Answer, frozen=True):
    """`type` is LONG, SHORT, or null when flat; `qty` has no sign.

    At the mark price: `leverage` is value / margin. `marginRatio` is what the position must have,
    maintenance margin and liquidation fee, over its equity: above 1 it is liquidated; null when
    nothing is left. That happens at `liquidationPrice`, null if at no price. `removableMargin` can
    be taken out, no unit more: what stays, less an unrealised loss, is at least `initialMargin`.
    """

    id: int
    user_id: int
    market_id: str
    type: str | None
    qty: str
    margin: str
    average_price: str | None
    mark_price: str | None
    unrealized_pnl: str | None
    realized_pnl: str
    liquidation_price: str | None
    leverage: str | None
    margin_ratio: str | None
    initial_margin: str | None
    removable_margin: str | None
    updated_at: datetime


class PositionsPage(Answer, frozen=True):
    positions: list[PositionAnswer]
    next_cursor: str | None


def position_answer(
    position: Position, rules: MarketRules, mark_ticks: int, leverage_set: int | None
) -> PositionAnswer:
    lots, cost, margin = (
        position.position_lots,
        position.entry_cost_units,
        position.margin_units,
    )
    side = (Side.LONG if lots > 0 else Side.SHORT).value if lots else None
    figures = position_figures(position, rules, mark_ticks, leverage_set)
    flat_pnl = "0" if mark_ticks else None
    ratio_ppm = figures.margin_ratio_ppm if figures else None
    return PositionAnswer(
        id=position.pk,
        user_id=position.user_id,
        market_id=position.market_id,
        type=side,
        qty=lots_text(abs(lots), rules.lot_size),
        margin=units_text(margin),
        average_price=average_price(cost, lots, rules),
        mark_price=price_or_none(mark_ticks, rules),
        unrealized_pnl=units_text(figures.unrealized_pnl_units) if figures else flat_pnl,
        realized_pnl=units_text(position.realized_pnl_units),
        liquidation_price=price_or_none(liquidation_price_ticks(position, rules), rules),
        leverage=figures.leverage if figures else None,
        margin_ratio=None if ratio_ppm is None else units_text(ratio_ppm),
        initial_margin=units_text(figures.initial_margin_units) if figures else None,
        removable_margin=units_text(figures.removable_margin_units) if figures else None,
        updated_at=position.updated_at,
    )


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
