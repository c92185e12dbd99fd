"""One market's snapshot, move after move, through the core. No I/O and no Django.

Theory of operation. The clock stands still at the snapshot's: nothing expires and no funding is
paid. The index moves; the mark is what the core makes of it, so it stays behind the index by as
much as the book and the market's clamp say, and both are told. The same index price comes again
until it causes nothing new, as it would within seconds, for what a liquidation left open is tried
again at the next price.

- A *ladder*: each move begins from a fresh copy.
- A *path*: each begins where the one before ended.
- A price that is *away*: nothing comes but time, until the index is stale. Nobody is judged; what
  would have been lacking at the price of the move is told.

A jump beyond the circuit breaker halts the market and nobody is judged. The step says so, and goes
on as the operator would: back to the state there was, with the same price. What it tells is
then what waits behind the halt. A fund that can't pay halts the market, too, and ends the step; of
a path, all that follow.

Conditional orders that need a hold are not given one: wallets are not in a snapshot.
"""

from collections.abc import Iterator, Sequence

from console.stress.findings import Step, halts_of, standing_of, step_of
from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import InvariantBroken
from matching.core.market.state import State
from matching.messages.commands import (
    AdvanceClock,
    ConfigureMarket,
    MarketConfig,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import CommandRejected, Event, PositionLiquidated
from matching.messages.limits import MAX_PRICE_TICKS, MAX_TIME_MS, PPM
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable
from matching.messages.vocabulary import StateReason

DEFAULT_MOVES_PPM: Sequence[int] = tuple(
    sign * percent * 10_000 for sign in (-1, 1) for percent in (1, 2, 5, 10, 20, 30, 50)
)
ROUNDS_MAX = 10
ROWS_MAX = 500_000


class LadderRefused(Exception):
    """There is nothing to judge in this snapshot; the text says why."""


def check_size(taken: EngineSnapshot) -> None:
    """Raises LadderRefused."""
    rows = len(taken.positions) + len(taken.orders) + len(taken.waiting)
    if rows > ROWS_MAX:
        raise LadderRefused(
            f"its snapshot has {rows:,} orders and positions, more than the {ROWS_MAX:,} of a run"
        )


def check_snapshot(taken: EngineSnapshot) -> None:
    """Raises LadderRefused."""
    check_size(taken)
    if taken.config is None or not taken.index_price_ticks or not taken.mark_price_ticks:
        raise LadderRefused("it has no price yet")
    if taken.market_state.is_dormant:
        raise LadderRefused(f"it is {taken.market_state}, and takes no price")


def ladder_steps(
    taken: EngineSnapshot, moves_ppm: Sequence[int], rules: MarketConfig | None = None
) -> Iterator[Step]:
    """Each from a fresh copy, which is given ``rules`` before it moves; ``taken`` stays as it was.
    Moves are above −1,000,000. Raises LadderRefused."""
    for move_ppm in moves_ppm:
        engine = _engine(taken)
        if rules is not None:
            _configure(engine, rules)
        yield _step(engine, move_ppm, moved(taken.index_price_ticks, move_ppm))


def path_steps(taken: EngineSnapshot, moves_ppm: Sequence[int]) -> Iterator[Step]:
    """Each from where the one before ended. Raises LadderRefused."""
    engine, index_ticks = _engine(taken), taken.index_price_ticks
    for move_ppm in moves_ppm:
        index_ticks = moved(index_ticks, move_ppm)
        yield _step(engine, move_ppm, index_ticks)


def away_steps(taken: EngineSnapshot, moves_ppm: Sequence[int]) -> Iterator[Step]:
    """Of a market whose price doesn't come while it would have moved. Raises LadderRefused."""
    for move_ppm in moves_ppm:
        engine = _engine(taken)
        before = standing_of(engine.state)
        events = _apply_silence(engine, taken)
        price_ticks = moved(taken.index_price_ticks, move_ppm)
        yield step_of(move_ppm, before, engine.state, price_ticks, events)


def moved(price_ticks: int, move_ppm: int) -> int:
    """To the nearest tick, halves up; at least one, and never beyond what a price may be."""
    return min(MAX_PRICE_TICKS, max(1, (2 * price_ticks * (PPM + move_ppm) + PPM) // (2 * PPM)))


def _engine(taken: EngineSnapshot) -> Engine:
    check_snapshot(taken)
    try:
        return Engine(snapshot.restore(taken))
    except SnapshotUnusable as error:
        raise LadderRefused(f"its snapshot can't be used: {error}") from error


def _configure(engine: Engine, rules: MarketConfig) -> None:
    """New rules judge nobody before the next price."""
    state = engine.state
    command = ConfigureMarket(command_id=_unused_id(state), config=rules)
    for event in engine.apply(command, state.clock_ms):
        if isinstance(event, CommandRejected):
            raise LadderRefused(f"its engine refuses the rules: {event.code}")


def _step(engine: Engine, move_ppm: int, index_ticks: int) -> Step:
    before = standing_of(engine.state)
    try:
        events = _move(engine, index_ticks)
    except InvariantBroken as error:
        raise LadderRefused(f"its engine would stop: {error}") from error
    return step_of(move_ppm, before, engine.state, engine.state.mark_price_ticks, events)


def _move(engine: Engine, index_ticks: int) -> list[Event]:
    """All that the price causes, until it causes nothing new."""
    state, was = engine.state, engine.state.market_state
    price = UpdateIndexPrice(index_price_ticks=index_ticks)
    told: list[Event] = []
    for _ in range(ROUNDS_MAX):
        mark = state.mark_price_ticks
        events = engine.apply(price, state.clock_ms)
        told.extend(events)
        halts = halts_of(events)
        if StateReason.CIRCUIT_BREAKER in halts:
            resume = SetMarketState(command_id=_unused_id(state), state=was)
            told.extend(engine.apply(resume, state.clock_ms))
        elif halts or not (
            state.mark_price_ticks != mark
            or any(isinstance(event, PositionLiquidated) for event in events)
        ):
            break
    return told


def _apply_silence(engine: Engine, taken: EngineSnapshot) -> Sequence[Event]:
    """Time passes until the index is stale, with all that is due by then."""
    if taken.index_stale or taken.config is None:
        return ()
    stale_from_ms = taken.index_ms + taken.config.index_stale_ms + 1
    try:
        return engine.apply(AdvanceClock(), min(MAX_TIME_MS, stale_from_ms))
    except InvariantBroken as error:
        raise LadderRefused(f"its engine would stop: {error}") from error


def _unused_id(state: State) -> int:
    """Of a command: above all the engine remembers."""
    return max([state.recent_commands.floor, *state.recent_commands.in_order()]) + 1
