"""What an operator does with runs: asks for one, cancels one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode, invalid
from console.guards import hand_over
from console.stress import runs
from console.stress.models import StressKind, StressRun, StressState
from console.stress.tasks import run_stress
from markets.display import percent
from markets.models import Market
from matching.messages.limits import PPM

MOVES_MAX = 40
HIGHEST_MOVE_PPM = 5 * PPM


@dataclass(frozen=True)
class Asked:
    """As `StressRun` has it."""

    kind: StressKind
    market: Market | None
    moves_ppm: Sequence[int]
    reason: str


def start_run(request: HttpRequest, asked: Asked) -> StressRun:
    """Raises DomainError: with `BUSY` while another is under way."""
    _check(asked)
    runs.give_up_lost()
    with transaction.atomic():
        run = _create(operator_of(request), asked)
        words, reason = f"asked for a {in_words(run)}", run.reason
        tell(Act(verb=Verb.STRESSED, request=request, obj=run, words=words, reason=reason))
    try:
        hand_over(lambda: run_stress.delay(run.pk))
    except DomainError as error:
        runs.fail(run.pk, error.message)
        raise
    return run


def cancel_run(request: HttpRequest, run: StressRun) -> None:
    """Raises DomainError where it has ended."""
    with transaction.atomic():
        if not runs.tell(run.pk, state=StressState.CANCELLED, ended_at=timezone.now()):
            raise DomainError(ErrorCode.INVALID_TRANSITION, "This run has ended already.")
        tell(Act(verb=Verb.STRESS_CANCELLED, request=request, obj=run, words="cancelled"))


def in_words(run: StressRun) -> str:
    """As in "ladder of BTC-PERP: -10 %, +10 %"."""
    moves = ", ".join(map(move_words, run.moves_ppm))
    if run.kind == StressKind.OUTAGE:
        return f"ladder of all markets, the price of {run.market_id} away: {moves}"
    return f"{run.kind} of {run.market_id or 'all markets'}: {moves}"


def move_words(move_ppm: int) -> str:
    return f"{'+' if move_ppm > 0 else ''}{percent(move_ppm)}"


def _check(asked: Asked) -> None:
    if not asked.moves_ppm or len(asked.moves_ppm) > MOVES_MAX:
        raise invalid("moves", f"Give between 1 and {MOVES_MAX} moves.")
    for move_ppm in asked.moves_ppm:
        if not -PPM < move_ppm <= HIGHEST_MOVE_PPM or not move_ppm:
            message = "A move is above −100 % and at most +500 %, and not 0."
            raise invalid("moves", message)
    if asked.kind is not StressKind.PATH and len(set(asked.moves_ppm)) < len(asked.moves_ppm):
        raise invalid("moves", "The same move twice: in a path alone that makes a difference.")
    if asked.kind is StressKind.OUTAGE and asked.market is None:
        raise invalid("market", "Name the market whose price is away.")
    if not asked.reason.strip():
        raise invalid("reason", "Say why: it stays with the run.")


def _create(by: User, asked: Asked) -> StressRun:
    now = timezone.now()
    try:
        with transaction.atomic():
            return StressRun.objects.create(
                asked_by=by,
                reason=asked.reason.strip(),
                kind=asked.kind,
                market=asked.market,
                moves_ppm=list(asked.moves_ppm),
                asked_at=now,
                beat_at=now,
                state=StressState.WAITING,
            )
    except IntegrityError as error:
        message = "Another run is under way: wait for it, or cancel it."
        raise DomainError(ErrorCode.BUSY, message) from error
