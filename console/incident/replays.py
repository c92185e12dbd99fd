"""Replays of a stretch: asked for on the page, carried out as a job, and kept."""

import time
from collections.abc import Callable

import redis
from django.http import HttpRequest

from common.admin.acts import Verb
from common.redis_client import redis_client
from console.incident.models import ReplayRun, Verdict
from console.jobs import lives, services
from matching.runtime.applier import CommandFailed
from matching.runtime.replay import ReplayImpossible, Verified, verify

TOLD_EVERY_S = 1.0
_FRAME_SHOWN_MAX = 2_000


def ask(request: HttpRequest, market_id: str, from_seq: int, to_seq: int, reason: str) -> ReplayRun:
    """Raises DomainError, also where another is running."""
    run = ReplayRun(market_id=market_id, from_seq=from_seq, to_seq=to_seq, reason=reason)
    words = f"replay of sequences {from_seq} to {to_seq}"
    return services.start(request, run, Verb.REPLAYED, words, about=run.market)


def cancel(request: HttpRequest, run: ReplayRun) -> None:
    """Raises DomainError where it isn't running any more."""
    words = f"replay of sequences {run.from_seq} to {run.to_seq} cancelled"
    services.cancel(request, run, Verb.REPLAYED, words=words, about=run.market)


def carry_out(run_id: int, look_up: Callable[[], None] = lambda: None) -> None:
    run = ReplayRun.objects.get(pk=run_id)
    try:
        lives.say(run, steps_total=run.to_seq)
        teller = ProgressKeeper(run, look_up)
        found = verify(redis_client(), run.market_id, run.from_seq, run.to_seq, teller.heard)
        _end(run, found)
    except lives.Stopped:
        return
    except (ReplayImpossible, CommandFailed, redis.RedisError) as error:
        lives.fail(ReplayRun, run_id, str(error))


def _end(run: ReplayRun, found: Verified) -> None:
    if not found.compared:
        lives.fail(ReplayRun, run.pk, "Nothing of these sequences is published any more.")
        return
    verdict = Verdict.DIFFERENT if found.diverged_seq else Verdict.SAME
    lives.end(run, verdict=verdict, result=_words(found), steps_done=found.to_seq)


def _words(found: Verified) -> str:
    if not found.diverged_seq:
        return f"{found.compared:,} entries are the same, up to sequence {found.to_seq:,}."
    published, computed = (
        frame[:_FRAME_SHOWN_MAX].decode(errors="replace").replace("\0", "�")
        for frame in (found.published, found.computed)
    )
    return (
        f"Sequence {found.diverged_seq:,} differs.\npublished: {published}\ncomputed:  {computed}"
    )


class ProgressKeeper:
    """Keeps how far a run has come, now and then."""

    def __init__(self, run: ReplayRun, look_up: Callable[[], None]) -> None:
        self._run = run
        self._look_up = look_up
        self._told_s = time.monotonic()

    def heard(self, seq: int) -> None:
        """Raises lives.Stopped where the run has been ended meanwhile."""
        now_s = time.monotonic()
        if now_s - self._told_s < TOLD_EVERY_S:
            return
        self._told_s = now_s
        self._look_up()
        lives.say(self._run, steps_done=seq)
