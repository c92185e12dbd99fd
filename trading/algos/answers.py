"""① Algos as the API tells them."""

from datetime import datetime
from typing import Any

from markets.conversions import lots_text, units_text
from markets.rules import MarketRules
from trading.algos.models import Algo, AlgoSlice
from trading.algos.selectors import AlgoFigures, figures_of, newest_slices
from trading.http.answers.answer import Answer
from trading.http.answers.orders import price_or_none
from trading.http.answers.results import average_price


class AlgoSliceAnswer(Answer, frozen=True):
    """`orderId` null: it was refused, with `code` and `message`."""

    number: int
    qty: str
    order_id: int | None
    status: str
    filled_qty: str
    code: str | None
    message: str | None
    sent_at: datetime


class AlgoAnswer(Answer, frozen=True):
    """`type` is the side, LONG or SHORT. `filledQty` and `averagePrice` are of all slices so far,
    `sliceCount` is how many it was divided into, `slicesSent` how many were sent, `openSlices` how
    many of those may still fill. `reason` says why it ended, or the code of its newest slices'
    refusal, `message` that refusal's words. `nextAt` is when the next slice is due."""

    id: int
    user_id: int
    market_id: str
    client_algo_id: str | None
    kind: str
    state: str
    reason: str | None
    message: str | None
    type: str
    qty: str
    filled_qty: str
    average_price: str | None
    from_price: str | None
    to_price: str | None
    price: str | None
    max_slippage: str | None
    margin: str | None
    leverage: int | None
    time_in_force: str
    reduce_only: bool
    interval_s: int | None
    slice_count: int
    slices_sent: int
    open_slices: int
    next_at: datetime | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class AlgoRecord(AlgoAnswer, frozen=True):
    """With its newest slices, at most 100, the last one first."""

    slices: list[AlgoSliceAnswer]


class AlgosPage(Answer, frozen=True):
    algos: list[AlgoAnswer]
    next_cursor: str | None


def algo_answer(algo: Algo, rules: MarketRules, figures: AlgoFigures) -> AlgoAnswer:
    return AlgoAnswer(**_members(algo, rules, figures))


def algo_record(algo: Algo, rules: MarketRules) -> AlgoRecord:
    figures = figures_of([algo])[algo.pk]
    slices = [_slice_answer(one, rules) for one in newest_slices(algo)]
    return AlgoRecord(**_members(algo, rules, figures), slices=slices)


def _members(algo: Algo, rules: MarketRules, figures: AlgoFigures) -> dict[str, Any]:
    by_leverage = not (algo.margin_units or algo.reduce_only)
    return {
        "id": algo.pk,
        "user_id": algo.user_id,
        "market_id": algo.market_id,
        "client_algo_id": algo.client_algo_id,
        "kind": algo.kind,
        "state": algo.state,
        "reason": algo.reason or None,
        "message": algo.reason_words or None,
        "type": algo.side,
        "qty": lots_text(algo.size_lots, rules.lot_size),
        "filled_qty": lots_text(figures.filled_lots, rules.lot_size),
        "average_price": average_price(figures.filled_cost_units, figures.filled_lots, rules),
        "from_price": price_or_none(algo.from_ticks, rules),
        "to_price": price_or_none(algo.to_ticks, rules),
        "price": price_or_none(algo.limit_ticks, rules),
        "max_slippage": units_text(algo.max_slippage_ppm) if algo.max_slippage_ppm else None,
        "margin": units_text(algo.margin_units) if algo.margin_units else None,
        "leverage": algo.leverage if by_leverage else None,
        "time_in_force": algo.time_in_force,
        "reduce_only": algo.reduce_only,
        "interval_s": algo.interval_s or None,
        "slice_count": algo.slices_planned,
        "slices_sent": algo.slices_sent,
        "open_slices": figures.open_slices,
        "next_at": algo.next_at if algo.slots_left else None,
        "created_at": algo.created_at,
        "updated_at": algo.updated_at,
        "ended_at": algo.ended_at,
    }


def _slice_answer(one: AlgoSlice, rules: MarketRules) -> AlgoSliceAnswer:
    order = one.order
    return AlgoSliceAnswer(
        number=one.number,
        qty=lots_text(one.size_lots, rules.lot_size),
        order_id=one.order_id,
        status="refused" if order is None else order.status,
        filled_qty=lots_text(0 if order is None else order.filled_lots, rules.lot_size),
        code=one.code or None,
        message=one.words or None,
        sent_at=one.sent_at,
    )


NEW_ALGO: dict[str, Any] = {
    "kind": "TWAP",
    "marketId": "BTC-PERP",
    "side": "LONG",
    "qty": "1.2",
    "durationS": 600,
    "intervalS": 30,
    "leverage": 10,
    "clientAlgoId": "in-slowly",
}
EXAMPLE: dict[str, Any] = {
    "id": 5,
    "userId": 42,
    "marketId": "BTC-PERP",
    "clientAlgoId": "in-slowly",
    "kind": "TWAP",
    "state": "running",
    "reason": None,
    "message": None,
    "type": "LONG",
    "qty": "1.2",
    "filledQty": "0",
    "averagePrice": None,
    "fromPrice": None,
    "toPrice": None,
    "price": None,
    "maxSlippage": "0.01",
    "margin": None,
    "leverage": 10,
    "timeInForce": "IOC",
    "reduceOnly": False,
    "intervalS": 30,
    "sliceCount": 20,
    "slicesSent": 1,
    "openSlices": 1,
    "nextAt": "2026-11-22T12:00:30.125000Z",
    "createdAt": "2026-11-22T12:00:00.125000Z",
    "updatedAt": "2026-11-22T12:00:00.125000Z",
    "endedAt": None,
    "slices": [
        {
            "number": 1,
            "qty": "0.06",
            "orderId": 17,
            "status": "pending",
            "filledQty": "0",
            "code": None,
            "message": None,
            "sentAt": "2026-11-22T12:00:00.125000Z",
        }
    ],
}
