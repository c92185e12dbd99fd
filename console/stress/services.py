"""Asking for a run, running it, cancelling it. A run writes its own row and nothing else.

Every word of a run is written under the condition that it is still under way, so a run that was
cancelled, or given up as lost, stops at its next step.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import redis
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from common.errors import DomainError, ErrorCode, invalid
from common.redis_client import redis_client
from console.stress.ladder import Ladder, LadderRefused, check_ladder, digest_of, run_step
from console.stress.models import UNDER_WAY, StressRun, StressState
from markets.models import Market
from matching.messages.limits import PPM
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable, decode_snapshot
from persistence.recovery.kept_snapshots import frame_of, kept_snapshots

STEPS_MAX = 40
HIGHEST_STEP_PPM = 5 * PPM
FRAME_BYTES_MAX = 64_000_000
TIME_LIMIT_S = 300
LOST_AFTER = timedelta(seconds=2 * TIME_LIMIT_S)


class _Stopped(Exception):
    """Cancelled meanwhile."""


def request_run(by: User, steps_ppm: Sequence[int], reason: str) -> StressRun:
    """The caller sends it to a worker. Raises DomainError."""
    steps = list(dict.fromkeys(steps_ppm))
    if not steps or len(steps) > STEPS_MAX:
        raise invalid("steps", f"Give between 1 and {STEPS_MAX} steps.")
    if any(not -PPM < step <= HIGHEST_STEP_PPM or not step for step in steps):
        raise invalid("steps", "A step is above −100 %, at most +500 %, and not 0.")
    if not reason.strip():
        raise invalid("reason", "Say why.")
    _give_up_lost()
    now = timezone.now()
    try:
        with transaction.atomic():
            return StressRun.objects.create(
                asked_by=by,
                reason=reason.strip()[:200],
                beat_at=now,
                state=StressState.WAITING,
                steps_ppm=steps,
            )
    except IntegrityError as error:
        raise DomainError(
            ErrorCode.BUSY, "A run is under way: wait for it or cancel it."
        ) from error


def cancel_run(run_id: int) -> None:
    """Raises DomainError where it has ended."""
    if not _say(run_id, state=StressState.CANCELLED, ended_at=timezone.now()):
        raise DomainError(ErrorCode.NOT_FOUND, "This run has ended.")


def run(run_id: int) -> None:
    """To its end, whatever that is. A run that is delivered again begins again."""
    if not _say(run_id, state=StressState.RUNNING, steps_done=0):
        return
    try:
        _climb(StressRun.objects.get(pk=run_id))
    except _Stopped:
        return
    except redis.RedisError as error:
        fail_run(run_id, f"Redis doesn't answer: {error}")


def fail_run(run_id: int, why: str) -> None:
    _say(run_id, state=StressState.FAILED, why=why, ended_at=timezone.now())


def _climb(asked: StressRun) -> None:
    taken, refused = _snapshots()
    if not taken:
        reasons = "; ".join(f"{market}: {why}" for market, why in refused.items())
        fail_run(asked.pk, f"There is nothing to run. {reasons or 'There is no market.'}")
        return
    done = 0
    _go_on(
        asked.pk,
        steps_total=len(taken) * len(asked.steps_ppm),
        snapshots={market: found.seq for market, found in taken.items()},
        refused=refused,
    )
    ladders: dict[str, Ladder] = {}
    for market_id, found in taken.items():
        ladders[market_id] = ladder = Ladder(
            seq=found.seq,
            clock_ms=found.clock_ms,
            index_ticks=found.index_price_ticks,
            mark_ticks=found.mark_price_ticks,
            steps=[],
        )
        for step_ppm in asked.steps_ppm:
            ladder.steps.append(run_step(found, step_ppm))
            done += 1
            _go_on(asked.pk, steps_done=done)
    _go_on(
        asked.pk,
        state=StressState.DONE,
        results=msgspec.to_builtins(ladders),
        digest=digest_of(ladders),
        ended_at=timezone.now(),
    )


def _snapshots() -> tuple[dict[str, EngineSnapshot], dict[str, str]]:
    """Of each market the newest that can be run, and why others can't be."""
    taken: dict[str, EngineSnapshot] = {}
    refused: dict[str, str] = {}
    for market_id in Market.objects.order_by("pk").values_list("pk", flat=True):
        try:
            taken[market_id] = _newest(market_id)
        except (LadderRefused, SnapshotUnusable) as error:
            refused[market_id] = str(error)
    return taken, refused


def _newest(market_id: str) -> EngineSnapshot:
    client = redis_client()
    kept = next(kept_snapshots(client, market_id), None)
    if kept is None:
        raise LadderRefused("there is no snapshot")
    frame = frame_of(client, market_id, kept.seq)
    if len(frame) > FRAME_BYTES_MAX:
        raise LadderRefused(f"the snapshot is larger than {FRAME_BYTES_MAX:,} bytes")
    found = decode_snapshot(frame)
    check_ladder(found)
    return found


def _go_on(run_id: int, **fields: Any) -> None:
    if not _say(run_id, **fields):
        raise _Stopped


def _say(run_id: int, **fields: Any) -> bool:
    """Whether the run was still under way."""
    rows = StressRun.objects.filter(pk=run_id, state__in=UNDER_WAY)
    return bool(rows.update(beat_at=timezone.now(), **fields))


def _give_up_lost() -> None:
    """A worker that was killed says nothing."""
    now = timezone.now()
    StressRun.objects.filter(state__in=UNDER_WAY, beat_at__lt=now - LOST_AFTER).update(
        state=StressState.FAILED, why="Its worker was lost.", ended_at=now
    )
