"""One market's snapshot, step after step, through the core. No I/O and no Django.

Theory of operation. A step begins from a fresh copy, and the clock stands still at the snapshot's:
nothing expires and no funding is paid. The index moves by the step; the mark is what the core makes
of it, so it stays behind the index by as much as the book and the market's clamp say, and both are
told. The same index price comes again until it causes nothing new, as it would within seconds, for
what a liquidation left open is tried again at the next price.

A jump beyond the circuit breaker halts the market and nobody is judged. The step says so, and goes
on as the operator would: back to the state there was, with the same price. What it tells is
then what waits behind the halt. A fund that can't pay halts the market, too, and ends the step.

Conditional orders that need a hold are not given one: wallets are not in a snapshot.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.state import State
from matching.messages.commands import SetMarketState, UpdateIndexPrice
from matching.messages.events import (
    Event,
    MarketStateChanged,
    PositionLiquidated,
    Trade,
)
from matching.messages.limits import PPM
from matching.messages.snapshot import EngineSnapshot
from matching.messages.vocabulary import ExecutionType, MarketState, StateReason

DEFAULT_STEPS_PPM: Sequence[int] = tuple(
    sign * percent * 10_000 for sign in (-1, 1) for percent in (1, 2, 5, 10, 20, 30, 50)
)
ROUNDS_MAX = 10
ROWS_MAX = 500_000


class LadderRefused(Exception):
    """There is nothing to judge in this snapshot; the text says why."""


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


class Step(msgspec.Struct, kw_only=True):
    """halts: why the market halted, in order. bad_debt_units: what positions lack that are still
    open with less than nothing, at the mark; at least 0. Accounts in order of their ids."""

    step_ppm: int
    index_ticks: int
    mark_ticks: int
    halts: list[str]
    price_refused: bool
    open_interest_before_lots: int
    open_interest_after_lots: int
    insurance_before_units: int
    insurance_after_units: int
    insurance_paid_units: int
    liquidation_fee_units: int
    bad_debt_units: int
    liquidated: list[Liquidated]
    deleveraged: list[Deleveraged]


class Ladder(msgspec.Struct, kw_only=True):
    seq: int
    clock_ms: int
    index_ticks: int
    mark_ticks: int
    steps: list[Step]


def check_ladder(taken: EngineSnapshot) -> None:
    """Raises LadderRefused."""
    rows = len(taken.positions) + len(taken.orders) + len(taken.waiting)
    if rows > ROWS_MAX:
        raise LadderRefused(
            f"the snapshot has {rows:,} orders and positions, more than the {ROWS_MAX:,} of a run"
        )
    if taken.config is None or not taken.index_price_ticks or not taken.mark_price_ticks:
        raise LadderRefused("the market has no price yet")
    if taken.market_state.is_dormant:
        raise LadderRefused(f"the market is {taken.market_state}, and takes no price")


def run_step(taken: EngineSnapshot, step_ppm: int) -> Step:
    """From a fresh copy; ``taken`` is as it was. ``step_ppm`` is above −1,000,000. Raises
    LadderRefused, SnapshotUnusable and InvariantBroken."""
    check_ladder(taken)
    engine = Engine(snapshot.restore(taken))
    state = engine.state
    open_interest, insurance = state.open_interest_lots, state.insurance_units
    index = max(1, (2 * taken.index_price_ticks * (PPM + step_ppm) + PPM) // (2 * PPM))
    events = _move(engine, taken, index)
    liquidated, deleveraged = _accounts(state, events)
    return Step(
        step_ppm=step_ppm,
        index_ticks=index,
        mark_ticks=state.mark_price_ticks,
        halts=[str(reason) for reason in _halts(events)],
        price_refused=state.index_stale,
        open_interest_before_lots=open_interest,
        open_interest_after_lots=state.open_interest_lots,
        insurance_before_units=insurance,
        insurance_after_units=state.insurance_units,
        insurance_paid_units=sum(found.insurance_paid_units for found in liquidated),
        liquidation_fee_units=sum(found.fee_units for found in liquidated),
        bad_debt_units=bad_debt_units(state),
        liquidated=liquidated,
        deleveraged=deleveraged,
    )


def run_ladder(taken: EngineSnapshot, steps_ppm: Sequence[int]) -> Ladder:
    """All steps, in the order given. Raises as `run_step`."""
    check_ladder(taken)
    return Ladder(
        seq=taken.seq,
        clock_ms=taken.clock_ms,
        index_ticks=taken.index_price_ticks,
        mark_ticks=taken.mark_price_ticks,
        steps=[run_step(taken, step_ppm) for step_ppm in steps_ppm],
    )


def digest_of(ladders: dict[str, Ladder]) -> str:
    """SHA-256 of the ladders by market, hexadecimal: equal for equal snapshots and steps."""
    return hashlib.sha256(msgspec.json.encode(sorted(ladders.items()))).hexdigest()


def bad_debt_units(state: State) -> int:
    """Σ max(0, V − M − Q·k·m) over all positions."""
    lot_value = state.tiers.k * state.mark_price_ticks
    return sum(
        max(0, a.entry_cost_units - a.margin_units - a.position_lots * lot_value)
        for a in state.accounts.values()
    )


def _move(engine: Engine, taken: EngineSnapshot, index_ticks: int) -> list[Event]:
    """All that the price causes, until it causes nothing new."""
    now_ms, price = taken.clock_ms, UpdateIndexPrice(index_price_ticks=index_ticks)
    told: list[Event] = []
    for _ in range(ROUNDS_MAX):
        mark = engine.state.mark_price_ticks
        events = engine.apply(price, now_ms)
        told.extend(events)
        halts = _halts(events)
        if StateReason.CIRCUIT_BREAKER in halts:
            resume = SetMarketState(command_id=_unused_id(taken), state=taken.market_state)
            told.extend(engine.apply(resume, now_ms))
        elif halts or not (
            engine.state.mark_price_ticks != mark
            or any(isinstance(event, PositionLiquidated) for event in events)
        ):
            break
    return told


def _unused_id(taken: EngineSnapshot) -> int:
    """Of a command: above all the engine remembers."""
    return max([taken.recent_commands.floor, *taken.recent_commands.ids]) + 1


def _halts(events: Sequence[Event]) -> list[StateReason]:
    return [
        event.reason
        for event in events
        if isinstance(event, MarketStateChanged) and event.state is MarketState.HALTED
    ]


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
