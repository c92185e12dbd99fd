"""Replays of a stretch as jobs: asked for from the page, carried out by a worker, kept.

A run that is delivered again was taken by a worker that is gone: it has failed, and is not tried
again by itself. One of which nothing was heard for `LOST_AFTER` has failed, too.
"""

import time
from datetime import timedelta

import redis
import structlog
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.staff.operators import operator_of
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode
from common.redis_client import redis_client
from console.incident.models import ReplayRun, ReplayState
from matching.runtime.applier import CommandFailed
from matching.runtime.replay import ReplayImpossible, Verified, verify

LOST_AFTER = timedelta(minutes=2)
TOLD_EVERY_S = 1.0
_FRAME_SHOWN_MAX = 2_000

log = structlog.get_logger(__name__)


class _Cancelled(Exception):
    pass


def ask(request: HttpRequest, market_id: str, from_seq: int, to_seq: int) -> ReplayRun:
    """To be handed to a worker once the transaction has committed. Raises DomainError where another
    is running."""
    fail_lost()
    now = timezone.now()
    try:
        with transaction.atomic():
            run = ReplayRun.objects.create(
                market_id=market_id,
                from_seq=from_seq,
                to_seq=to_seq,
                asked_by=operator_of(request),
                asked_at=now,
                told_at=now,
            )
    except IntegrityError as error:
        message = "Another replay is running: wait for it, or cancel it."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message) from error
    words = f"replay of sequences {from_seq} to {to_seq}"
    tell(Act(verb=Verb.REPLAYED, request=request, obj=run.market, words=words))
    return run


def cancel(request: HttpRequest, run_id: int) -> None:
    """Raises DomainError where it isn't running any more."""
    run = ReplayRun.objects.filter(pk=run_id).select_related("market").first()
    result = f"cancelled by {operator_of(request)}"
    if run is None or not _end(run.pk, ReplayState.CANCELLED, result):
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This replay isn’t running any more.")
    words = f"replay of sequences {run.from_seq} to {run.to_seq} cancelled"
    tell(Act(verb=Verb.REPLAYED, request=request, obj=run.market, words=words))


def carry_out(run_id: int) -> None:
    """Delivered more than once it is carried out once."""
    now = timezone.now()
    free = ReplayRun.objects.filter(pk=run_id, state=ReplayState.RUNNING, taken_at=None)
    if not free.update(taken_at=now, told_at=now):
        _end(run_id, ReplayState.FAILED, "Its worker was lost: ask again.")
        return
    run = ReplayRun.objects.get(pk=run_id)
    try:
        found = verify(
            redis_client(), run.market_id, run.from_seq, run.to_seq, _Teller(run_id).heard
        )
    except _Cancelled:
        return
    except (ReplayImpossible, CommandFailed, redis.RedisError) as error:
        _end(run_id, ReplayState.FAILED, str(error))
    except Exception:
        _end(run_id, ReplayState.FAILED, "An error of the exchange: it is in the worker’s log.")
        raise
    else:
        state = ReplayState.DIFFERENT if found.diverged_seq else ReplayState.SAME
        if not found.compared:
            state = ReplayState.FAILED
        _end(run_id, state, result_words(found), found.to_seq)


def result_words(found: Verified) -> str:
    if not found.compared:
        return "Nothing of these sequences is published any more."
    if not found.diverged_seq:
        return f"{found.compared:,} entries are the same, up to sequence {found.to_seq:,}."
    published, computed = (
        frame[:_FRAME_SHOWN_MAX].decode(errors="replace").replace("\0", "�")
        for frame in (found.published, found.computed)
    )
    return (
        f"Sequence {found.diverged_seq:,} differs.\npublished: {published}\ncomputed:  {computed}"
    )


class _Teller:
    """Keeps how far a run has come, now and then."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._told_s = time.monotonic()

    def heard(self, seq: int) -> None:
        """Raises _Cancelled where the run has been ended meanwhile."""
        now_s = time.monotonic()
        if now_s - self._told_s < TOLD_EVERY_S:
            return
        self._told_s = now_s
        if not _running(self._run_id).update(reached_seq=seq, told_at=timezone.now()):
            raise _Cancelled


def fail_lost() -> None:
    silent = ReplayRun.objects.filter(
        state=ReplayState.RUNNING, told_at__lt=timezone.now() - LOST_AFTER
    )
    for run_id in silent.values_list("pk", flat=True):
        _end(run_id, ReplayState.FAILED, "Its worker was lost, or none took it up: ask again.")


def fail(run: ReplayRun, why: str) -> None:
    _end(run.pk, ReplayState.FAILED, why)


def _running(run_id: int) -> QuerySet[ReplayRun]:
    return ReplayRun.objects.filter(pk=run_id, state=ReplayState.RUNNING)


def _end(run_id: int, state: ReplayState, result: str, reached_seq: int | None = None) -> bool:
    """False where it had ended before."""
    reached = {} if reached_seq is None else {"reached_seq": reached_seq}
    ended = _running(run_id).update(
        state=state, result=result, finished_at=timezone.now(), **reached
    )
    if ended:
        log.info("replay_ended", run=run_id, state=state.value, result=result.partition("\n")[0])
    return bool(ended)
