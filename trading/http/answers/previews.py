"""① What the API answers about an order that isn't placed."""

from common.http.schema import Required
from markets.conversions import lots_text, ppb_text, units_text
from matching.messages.vocabulary import Side
from trading.http.answers.answer import Answer
from trading.http.answers.orders import price_or_none
from trading.http.answers.results import average_price
from trading.models import Position
from trading.orders.preview import OrderPreview
from trading.positions.figures import liquidation_price_ticks, position_figures


class ExpectedFills(Answer, frozen=True):
    """What would fill against the book as it is. `slippage` is how much worse than the mark price
    the average is, as a fraction; below zero: better. `realizedPnl` is of what it closes."""

    qty: str
    average_price: str | None
    slippage: str | None
    fee: str
    realized_pnl: str


class PositionAfter(Answer, frozen=True):
    """As far as it fills at once. `type` is null when flat."""

    type: str | None
    qty: str
    average_price: str | None
    margin: str
    leverage: str | None
    liquidation_price: str | None


class OrderPreviewAnswer(Answer, frozen=True):
    """`outcome`: FILLED, PART_FILLED, RESTS, EXPIRES, REJECTED (post-only, and it would take; or
    no price to match) or WAITS (for its trigger). `worstPrice` is the worst it may fill at.
    `required` is held when it is placed; `affordable` says whether `available` covers it. `maxQty`
    is the largest size that these terms and `available` allow; null where a margin is named for a
    size."""

    outcome: str
    worst_price: str
    required: Required
    available: str
    affordable: bool
    maker_fee: str
    taker_fee: str
    expected: ExpectedFills
    position: PositionAfter | None
    max_qty: str | None


def preview_answer(preview: OrderPreview) -> OrderPreviewAnswer:
    rules, draft, most = preview.rules, preview.draft, preview.most_lots
    worst = price_or_none(draft.price_ticks, rules)
    assert worst is not None  # noqa: S101  a draft has its price
    return OrderPreviewAnswer(
        outcome=preview.outcome,
        worst_price=worst,
        required=Required(**draft.needed.by_part()),
        available=units_text(preview.available_units),
        affordable=preview.is_affordable,
        maker_fee=units_text(draft.maker_fee_ppm),
        taker_fee=units_text(draft.taker_fee_ppm),
        expected=_expected(preview),
        position=None if preview.position is None else _after(preview, preview.position),
        max_qty=None if most is None else lots_text(most, rules.lot_size),
    )


def _expected(preview: OrderPreview) -> ExpectedFills:
    rules, fills = preview.rules, preview.fills
    way = 1 if preview.draft.terms.side is Side.LONG else -1
    at_mark = rules.units_per_tick_lot * preview.ticker.mark_price_ticks * fills.size_lots
    slippage = None
    if fills.size_lots:
        slippage = ppb_text(way * (fills.cost_units - at_mark) * 1_000_000_000 // at_mark)
    return ExpectedFills(
        qty=lots_text(fills.size_lots, rules.lot_size),
        average_price=average_price(fills.cost_units, fills.size_lots, rules),
        slippage=slippage,
        fee=units_text(fills.fee_units),
        realized_pnl=units_text(fills.realized_pnl_units),
    )


def _after(preview: OrderPreview, position: Position) -> PositionAfter:
    rules, lots = preview.rules, position.position_lots
    figures = position_figures(position, rules, preview.ticker.mark_price_ticks, None)
    return PositionAfter(
        type=(Side.LONG if lots > 0 else Side.SHORT).value if lots else None,
        qty=lots_text(abs(lots), rules.lot_size),
        average_price=average_price(position.entry_cost_units, lots, rules),
        margin=units_text(position.margin_units),
        leverage=figures.leverage if figures else None,
        liquidation_price=price_or_none(liquidation_price_ticks(position, rules), rules),
    )
