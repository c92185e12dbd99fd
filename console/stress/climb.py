"""A run from its first move to its last, in the process that does nothing else."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import redis

from common.errors import DomainError
from console.jobs import lives
from console.stress.findings import Ladder, Step, digest_of, largest
from console.stress.ladder import LadderRefused, away_steps, ladder_steps, path_steps
from console.stress.models import StressKind, StressRun
from console.stress.snapshots import FoundSnapshot, newest_snapshot
from markets.models import Market
from matching.messages.snapshot import EngineSnapshot
from matching.messages.vocabulary import MarketState
from trading.commands.proposals import proposed_config

ROWS_KEPT_MAX = 500

Steps = Callable[[EngineSnapshot, Sequence[int]], Iterator[Step]]
LookUp = Callable[[], None]


def climb(run_id: int, look_up: LookUp = lambda: None) -> None:
    """To its end, whatever that is. ``look_up`` is called after each move, and may raise."""
    asked = StressRun.objects.filter(pk=run_id).first()
    if asked is None:
        return
    try:
        _climb_rules(asked, look_up) if asked.proposal else _climb(asked, look_up)
    except lives.Stopped:
        return
    except DomainError as error:
        lives.fail(StressRun, run_id, error.message)
    except LadderRefused as error:
        lives.fail(StressRun, run_id, f"There is nothing to run: {error}.")
    except redis.RedisError as error:
        lives.fail(StressRun, run_id, f"Redis doesn't answer: {error}")


def _climb_rules(asked: StressRun, look_up: LookUp) -> None:
    """From one snapshot, as it stands and under the proposed rules. Raises DomainError and
    LadderRefused."""
    if asked.proposal is None or asked.market_id is None:
        raise LadderRefused("it names no proposal about a market")
    rules = proposed_config(asked.proposal)
    found = newest_snapshot(asked.market_id)
    lives.say(asked, steps_total=2 * len(asked.moves_ppm), steps_done=0)
    whole: dict[str, Ladder] = {}
    steps_done = 0
    for name, config in (("baseline", None), ("results", rules)):
        whole[name] = _ladder(found, is_away=False)
        for step in ladder_steps(found.snapshot, asked.moves_ppm, config):
            whole[name].steps.append(step)
            steps_done += 1
            look_up()
            lives.say(asked, steps_done=steps_done)
    kept = {
        name: msgspec.to_builtins({asked.market_id: _kept(ladder)})
        for name, ladder in whole.items()
    }
    lives.end(asked, **kept, digest=digest_of(whole))


def _climb(asked: StressRun, look_up: LookUp) -> None:
    taken, refused = _snapshots(asked)
    steps_total = len(taken) * len(asked.moves_ppm)
    lives.say(asked, steps_total=steps_total, steps_done=0, refused=refused)
    whole: dict[str, Ladder] = {}
    for number, (market_id, found) in enumerate(taken.items()):
        is_away = asked.kind == StressKind.OUTAGE and market_id == asked.market_id
        ladder = _ladder(found, is_away)
        try:
            for step in _steps_of(asked, is_away)(found.snapshot, asked.moves_ppm):
                ladder.steps.append(step)
                look_up()
                steps_done = number * len(asked.moves_ppm) + len(ladder.steps)
                lives.say(asked, steps_done=steps_done)
        except LadderRefused as error:
            refused[market_id] = str(error)
            continue
        whole[market_id] = ladder
    if not whole:
        why = "; ".join(f"{market}: {reason}" for market, reason in refused.items())
        lives.fail(StressRun, asked.pk, f"There is nothing to run. {why or 'There is no market'}.")
        return
    lives.end(
        asked,
        refused=refused,
        results=msgspec.to_builtins({name: _kept(ladder) for name, ladder in whole.items()}),
        digest=digest_of(whole),
    )


def _snapshots(asked: StressRun) -> tuple[dict[str, FoundSnapshot], dict[str, str]]:
    """Of each market the newest that can be run, and why others can't be."""
    taken: dict[str, FoundSnapshot] = {}
    refused: dict[str, str] = {}
    for market_id in _market_ids(asked):
        try:
            taken[market_id] = newest_snapshot(market_id)
        except LadderRefused as error:
            refused[market_id] = str(error)
    return taken, refused


def _market_ids(asked: StressRun) -> list[str]:
    if asked.market_id and asked.kind != StressKind.OUTAGE:
        return [asked.market_id]
    ended = [state for state in MarketState if state.has_ended]
    markets = Market.objects.exclude(status__state__in=ended).order_by("pk")
    return list(markets.values_list("pk", flat=True))


def _steps_of(asked: StressRun, is_away: bool) -> Steps:
    if is_away:
        return away_steps
    return path_steps if asked.kind == StressKind.PATH else ladder_steps


def _ladder(found: FoundSnapshot, is_away: bool) -> Ladder:
    return Ladder(
        seq=found.snapshot.seq,
        clock_ms=found.snapshot.clock_ms,
        is_away=is_away,
        note=found.note,
        steps=[],
    )


def _kept(ladder: Ladder) -> Ladder:
    steps = [largest(step, ROWS_KEPT_MAX) for step in ladder.steps]
    return msgspec.structs.replace(ladder, steps=steps)
