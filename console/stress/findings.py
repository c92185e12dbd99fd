"""What one move does to one market, read from the core's events. No I/O and no Django."""

import hashlib
from collections.abc import Sequence

import msgspec

from matching.core.market.state import State
from matching.messages.events import Event, MarketStateChanged, PositionLiquidated, Trade
from matching.messages.vocabulary import ExecutionType, MarketState, StateReason


class Liquidated(msgspec.Struct, kw_only=True):
    """One account over all attempts of a step.

    position_lots, equity_units   before the first; lots above zero are long
    book_cost_units    Σ price × lots × k of what was closed in the book; adl_cost_units: against
                       those ranked first. Divided by k and the lots, the average price
    """

    account_id: int
    position_lots: int
    equity_units: int
    filled_lots: int = 0
    book_cost_units: int = 0
    deleveraged_lots: int = 0
    adl_cost_units: int = 0
    fee_units: int = 0
    insurance_paid_units: int = 0
    returned_units: int = 0
    left_lots: int = 0


class Deleveraged(msgspec.Struct, kw_only=True):
    """One account that was closed against bankrupt ones, at which cost in all."""

    account_id: int
    lots: int = 0
    cost_units: int = 0
    realized_pnl_units: int = 0


class LadderStanding(msgspec.Struct, kw_only=True, frozen=True):
    """Of a market at one moment; ``index_stale``: nobody is judged."""

    state: str
    index_ticks: int
    mark_ticks: int
    index_stale: bool
    open_interest_lots: int
    insurance_units: int


class Step(msgspec.Struct, kw_only=True):
    """One move of the price and what came of it.

    move_ppm        of the index price before it
    judged_ticks    the price that ``short_accounts`` and ``bad_debt_units`` are judged at: the mark
                    after the move or, of a market whose price is away, where it would have gone
    halts           why the market halted, in order
    short_accounts  positions still open with less than they need
    bad_debt_units  what positions lack that are still open with less than nothing; at least 0
    liquidated, deleveraged   in order of accounts; the counts are of all, also where rows were left
                              out
    """

    move_ppm: int
    judged_ticks: int
    before: LadderStanding
    after: LadderStanding
    halts: list[str]
    insurance_paid_units: int
    liquidation_fee_units: int
    short_accounts: int
    bad_debt_units: int
    liquidated_accounts: int
    deleveraged_accounts: int
    liquidated: list[Liquidated]
    deleveraged: list[Deleveraged]


class Ladder(msgspec.Struct, kw_only=True):
    """``seq``, ``clock_ms``: of the snapshot. ``is_away``: its price stayed where it was.
    ``note``: what one should know of the snapshot."""

    seq: int
    clock_ms: int
    is_away: bool
    note: str
    steps: list[Step]


def digest_of(ladders: dict[str, Ladder]) -> str:
    """SHA-256 of the ladders by market, hexadecimal: equal for equal snapshots and moves."""
    return hashlib.sha256(msgspec.json.encode(sorted(ladders.items()))).hexdigest()


def standing_of(state: State) -> LadderStanding:
    return LadderStanding(
        state=str(state.market_state),
        index_ticks=state.index_price_ticks,
        mark_ticks=state.mark_price_ticks,
        index_stale=state.index_stale,
        open_interest_lots=state.open_interest_lots,
        insurance_units=state.insurance_units,
    )


def step_of(
    move_ppm: int, before: LadderStanding, state: State, judged_ticks: int, events: Sequence[Event]
) -> Step:
    liquidated, deleveraged = _accounts(state, events)
    return Step(
        move_ppm=move_ppm,
        judged_ticks=judged_ticks,
        before=before,
        after=standing_of(state),
        halts=[str(reason) for reason in halts_of(events)],
        insurance_paid_units=sum(found.insurance_paid_units for found in liquidated),
        liquidation_fee_units=sum(found.fee_units for found in liquidated),
        short_accounts=_short_accounts(state, judged_ticks),
        bad_debt_units=_bad_debt_units(state, judged_ticks),
        liquidated_accounts=len(liquidated),
        deleveraged_accounts=len(deleveraged),
        liquidated=liquidated,
        deleveraged=deleveraged,
    )


def halts_of(events: Sequence[Event]) -> list[StateReason]:
    return [
        event.reason
        for event in events
        if isinstance(event, MarketStateChanged) and event.state is MarketState.HALTED
    ]


def largest(step: Step, rows_max: int) -> Step:
    """The same with so many rows at most, of the largest positions; the counts stay."""
    liquidated = sorted(step.liquidated, key=lambda row: (-abs(row.position_lots), row.account_id))
    deleveraged = sorted(step.deleveraged, key=lambda row: (-row.lots, row.account_id))
    return msgspec.structs.replace(
        step, liquidated=liquidated[:rows_max], deleveraged=deleveraged[:rows_max]
    )


def _short_accounts(state: State, price_ticks: int) -> int:
    return sum(
        state.tiers.is_liquidatable(
            a.position_lots, a.entry_cost_units, a.margin_units, price_ticks
        )
        for a in state.accounts.values()
    )


def _bad_debt_units(state: State, price_ticks: int) -> int:
    """Σ max(0, V − M − Q·k·price) over all positions."""
    lot_value = state.tiers.k * price_ticks
    return sum(
        max(0, a.entry_cost_units - a.margin_units - a.position_lots * lot_value)
        for a in state.accounts.values()
    )


def _accounts(state: State, events: Sequence[Event]) -> tuple[list[Liquidated], list[Deleveraged]]:
    """Trades of an attempt come before the event that explains it."""
    liquidated: dict[int, Liquidated] = {}
    deleveraged: dict[int, Deleveraged] = {}
    costs: dict[tuple[int, ExecutionType], int] = {}
    for event in events:
        if isinstance(event, Trade):
            cost = state.tiers.k * event.price_ticks * event.size_lots
            key = event.taker.account_id, event.execution
            costs[key] = costs.get(key, 0) + cost
            if event.execution is ExecutionType.ADL:
                account_id = event.maker.account_id
                other = deleveraged.setdefault(account_id, Deleveraged(account_id=account_id))
                other.lots += event.size_lots
                other.cost_units += cost
                other.realized_pnl_units += event.maker.realized_pnl_units
        elif isinstance(event, PositionLiquidated):
            _add_attempt(liquidated, event)
    for account_id, found in liquidated.items():
        found.book_cost_units = costs.get((account_id, ExecutionType.LIQUIDATION), 0)
        found.adl_cost_units = costs.get((account_id, ExecutionType.ADL), 0)
    return (
        [found for _, found in sorted(liquidated.items())],
        [found for _, found in sorted(deleveraged.items())],
    )


def _add_attempt(liquidated: dict[int, Liquidated], event: PositionLiquidated) -> None:
    found = liquidated.setdefault(
        event.account_id,
        Liquidated(
            account_id=event.account_id,
            position_lots=event.position_lots,
            equity_units=event.equity_units,
        ),
    )
    found.filled_lots += event.filled_lots
    found.deleveraged_lots += event.deleveraged_lots
    found.fee_units += event.fee_units
    found.insurance_paid_units += event.insurance_paid_units
    found.returned_units += event.returned_units
    found.left_lots = event.left_lots
