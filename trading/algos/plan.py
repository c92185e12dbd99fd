"""Which slices an algo sends, and how large: arithmetic on its row, nothing is read or written.

A SCALED divides its size and margin so that the parts add up to the lot and the unit: part k of n
goes from total·k/n to total·(k+1)/n, both rounded down.

A TWAP sends what is left over the slots that are left, so what a slice didn't fill, and what an
outage kept it from sending, is spread over the rest of its time. Slots that were missed are gone.
No slice is more than `CATCH_UP_MAX` times what was planned for one: a TWAP that comes back in its
last seconds must not become one market order. What it can't place by then is left.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from markets.conversions import lots_text, ticks_text, units_text
from markets.rules import MarketRules
from matching.messages.holds import ceil_div
from matching.messages.vocabulary import OrderType, Side, TimeInForce
from trading.algos.models import Algo, AlgoKind
from trading.orders.request import NewOrder

CATCH_UP_MAX = 3


class PlannedSlice(Struct, frozen=True):
    """``limit_ticks`` 0: a market order."""

    number: int
    size_lots: int
    limit_ticks: int
    margin_units: int = 0


def scaled_slices(algo: Algo) -> list[PlannedSlice]:
    count = algo.slices_planned
    return [
        PlannedSlice(
            number=index + 1,
            size_lots=_part(algo.size_lots, index, count),
            limit_ticks=algo.from_ticks + _step(algo.to_ticks - algo.from_ticks, index, count - 1),
            margin_units=_part(algo.margin_units, index, count),
        )
        for index in range(count)
    ]


def _part(total: int, index: int, count: int) -> int:
    return total * (index + 1) // count - total * index // count


def _step(span_ticks: int, index: int, steps: int) -> int:
    """To the nearest tick, either way alike."""
    ticks = (2 * abs(span_ticks) * index + steps) // (2 * steps)
    return ticks if span_ticks >= 0 else -ticks


def slots_missed(algo: Algo, now: datetime) -> int:
    """Of those it has left: a slot lasts until the next one, and is missed after that."""
    if algo.next_at is None:
        return 0
    return min(algo.slots_left, (now - algo.next_at) // timedelta(seconds=algo.interval_s))


def twap_slice(algo: Algo, rules: MarketRules, left_lots: int) -> PlannedSlice | None:
    """The next one, of what is neither filled nor on its way; None where no order can be made of
    it."""
    if left_lots < rules.min_size_lots or not algo.slots_left:
        return None
    size_lots = max(ceil_div(left_lots, algo.slots_left), rules.min_size_lots)
    most_lots = CATCH_UP_MAX * ceil_div(algo.size_lots, algo.slices_planned)
    size_lots = min(size_lots, most_lots, rules.max_size_lots)
    rest_lots = left_lots - size_lots
    if 0 < rest_lots < rules.min_size_lots and left_lots <= rules.max_size_lots:
        size_lots = left_lots  # else the rest could never be placed
    return PlannedSlice(algo.slices_sent + 1, size_lots, algo.limit_ticks)


def slice_order(algo: Algo, rules: MarketRules, planned: PlannedSlice) -> NewOrder:
    """The order that the slice is. Its client order id is the algo's and its number, so however
    often it is placed there is one."""
    is_limit = planned.limit_ticks > 0
    slippage_ppm = algo.max_slippage_ppm
    by_leverage = not (algo.margin_units or algo.reduce_only)
    return NewOrder(
        market_id=algo.market_id,
        side=Side(algo.side),
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        qty=lots_text(planned.size_lots, rules.lot_size),
        price=ticks_text(planned.limit_ticks, rules.tick_size) if is_limit else None,
        margin=units_text(planned.margin_units) if algo.margin_units else None,
        leverage=algo.leverage if by_leverage else None,
        max_slippage=units_text(slippage_ppm) if slippage_ppm and not is_limit else None,
        time_in_force=TimeInForce(algo.time_in_force),
        reduce_only=algo.reduce_only,
        client_order_id=f"algo-{algo.pk}-{planned.number}",
    )


def planned_at_first(algo: Algo, rules: MarketRules) -> list[PlannedSlice]:
    """All of a SCALED, the first of a TWAP."""
    if algo.kind == AlgoKind.SCALED:
        return scaled_slices(algo)
    first = twap_slice(algo, rules, algo.size_lots)
    return [] if first is None else [first]
