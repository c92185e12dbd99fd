"""What an operator does with runs of any kind: asks for one, cancels one."""

from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of
from console.guards import hand_over
from console.jobs import lives
from console.jobs.models import Job, JobState
from console.jobs.tasks import run_job

Run = TypeVar("Run", bound=Job)


def start(
    who: HttpRequest | User, run: Run, verb: Verb, words: str, *, about: Model | None = None
) -> Run:
    """Keeps ``run``, which says what is asked, with who asks and when, and hands it to a worker.
    ``about``: what the act is kept with, if not with the run. Raises DomainError: with `BUSY` while
    another of its kind is under way."""
    kind = type(run)
    request = who if isinstance(who, HttpRequest) else None
    operator = operator_of(who) if isinstance(who, HttpRequest) else who
    run.reason = reason_of(run.reason)
    run.asked_by = operator
    run.asked_at = run.beat_at = timezone.now()
    lives.give_up_lost(kind)
    with transaction.atomic():
        _keep(run)
        tell(
            Act(
                verb=verb,
                request=request,
                operator=operator,
                obj=about or run,
                words=words,
                reason=run.reason,
            )
        )
    try:
        hand_over(lambda: run_job.delay(str(kind._meta.model_name), run.pk))
    except DomainError as error:
        lives.fail(kind, run.pk, error.message)
        raise
    return run


def _keep(run: Job) -> None:
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError as error:
        message = "Another run is under way: wait for it, or cancel it."
        raise DomainError(ErrorCode.BUSY, message) from error


def cancel(
    request: HttpRequest,
    run: Job,
    verb: Verb,
    *,
    words: str = "cancelled",
    about: Model | None = None,
) -> None:
    """``about``: what it is kept with, if not with the run. Raises DomainError where it has
    ended."""
    with transaction.atomic():
        fields = {"state": JobState.CANCELLED, "ended_at": timezone.now()}
        if not lives.tell(type(run), run.pk, **fields):
            raise DomainError(ErrorCode.INVALID_TRANSITION, "This run has ended already.")
        tell(Act(verb=verb, request=request, obj=about or run, words=words))
