"""A run from the snapshot to its last sequence, in the process that does nothing else."""

import time
from collections.abc import Callable
from itertools import islice

import msgspec
import redis

from common.redis_client import redis_client
from console.hindsight.changes import Changes
from console.hindsight.models import HindsightRun
from console.hindsight.outcome import (
    TRADES_KEPT_MAX,
    HindsightOutcome,
    NotZeroSum,
    TradeOnly,
    check_zero_sum,
    digest_of,
    house_units,
    standing_of,
    traders_of,
    values_of,
)
from console.hindsight.worlds import HindsightRefused, Pair, StepSeen, World
from console.jobs import lives
from matching.core.market import snapshot
from matching.messages.snapshot import decode_snapshot
from matching.messages.streams import COMMAND_FIELD
from matching.runtime.replay import ReplayImpossible, ReplayStart, snapshot_before, stored_input

TOLD_EVERY_S = 1.0


def carry_out(run_id: int, look_up: Callable[[], None] = lambda: None) -> None:
    run = HindsightRun.objects.get(pk=run_id)
    try:
        outcome = _reckoned(run, look_up)
        lives.end(run, outcome=msgspec.to_builtins(outcome), digest=digest_of(outcome))
    except lives.Stopped:
        return
    except (HindsightRefused, ReplayImpossible, NotZeroSum, redis.RedisError) as error:
        lives.fail(HindsightRun, run_id, f"It can’t be reckoned: {error}.")


def _reckoned(run: HindsightRun, look_up: Callable[[], None]) -> HindsightOutcome:
    client = redis_client()
    kept = snapshot_before(client, run.market_id, run.from_seq)
    changes = msgspec.convert(run.changes, Changes)
    pair = Pair(_world(run, kept), _world(run, kept), changes)
    before_state, total = pair.did.state, run.to_seq - kept.seq
    before_units = values_of(before_state, before_state.mark_price_ticks)
    lives.say(run, steps_total=total)
    tally = _Tally(run, look_up)
    stored = stored_input(client, run.market_id, kept.input_id)
    for input_id, fields in islice(stored, total):
        tally.add(pair.step(input_id, fields.get(COMMAND_FIELD, b"")))
    if tally.steps < total:
        raise ReplayImpossible(f"the input stream ends before sequence {run.to_seq}")
    _check_met(changes, pair)
    valued_ticks = pair.should.state.mark_price_ticks
    traders, house = traders_of(pair, before_units, valued_ticks), house_units(pair)
    check_zero_sum(traders, house)
    return HindsightOutcome(
        snapshot_seq=kept.seq,
        from_ms=tally.from_ms,
        to_ms=tally.to_ms,
        left_out=pair.left_out,
        replaced=pair.replaced,
        valued_ticks=valued_ticks,
        did=standing_of(pair.did),
        should=standing_of(pair.should),
        trades_total=tally.trades_total,
        trades=tally.trades,
        traders=traders,
        house_units=house,
    )


def _world(run: HindsightRun, kept: ReplayStart) -> World:
    """Each from its own copy of the snapshot."""
    return World(run.market_id, snapshot.restore(decode_snapshot(kept.frame)))


def _check_met(changes: Changes, pair: Pair) -> None:
    """Raises HindsightRefused where a price was to be replaced and none came."""
    if changes.prices and not pair.replaced:
        raise HindsightRefused("no index price is among the sequences whose prices to replace")


class _Tally:
    """Counts steps, keeps the first trades that differ, and gives signs of life."""

    def __init__(self, run: HindsightRun, look_up: Callable[[], None]) -> None:
        self.steps = 0
        self.trades_total = 0
        self.trades: list[TradeOnly] = []
        self.from_ms = 0
        self.to_ms = 0
        self._run = run
        self._look_up = look_up
        self._told_s = time.monotonic()

    def add(self, step: StepSeen) -> None:
        """Raises lives.Stopped where the run has been ended meanwhile."""
        self.steps += 1
        self.to_ms = step.time_ms
        if step.seq == self._run.from_seq:
            self.from_ms = step.time_ms
        for happened, trades in ((True, step.only_did), (False, step.only_should)):
            self.trades_total += len(trades)
            room = TRADES_KEPT_MAX - len(self.trades)
            self.trades.extend(
                TradeOnly(step.seq, step.time_ms, happened, trade) for trade in trades[:room]
            )
        now_s = time.monotonic()
        if now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            self._look_up()
            lives.say(self._run, steps_done=self.steps)
