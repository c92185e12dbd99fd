"""Whether anything goes by itself: what stops it, and what lets it go on.

Whoever finds something wrong opens a stop under its cause, and closes it when it is right again.
Withdrawals are taken all the while, and wait. What an operator approves while a stop is open goes
in spite of it: the page of the withdrawal says what is open.
"""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from common.errors import DomainError, ErrorCode
from common.postgres.constraints import constraint_of
from common.reasons import REASON_MAX, reason_of
from ledger.models import SendingStop, StopCause


def open_stops() -> QuerySet[SendingStop]:
    return SendingStop.objects.filter(closed_at=None).order_by("pk")


def newest_stop_at() -> datetime | None:
    """When the newest of those that are open was opened; None where nothing is stopped."""
    return open_stops().order_by("-opened_at").values_list("opened_at", flat=True).first()


def open_stop(cause: StopCause, words: str) -> None:
    """Once per cause: one that is open keeps its words."""
    SendingStop.objects.bulk_create(
        [SendingStop(cause=cause, words=words[:REASON_MAX])], ignore_conflicts=True
    )


def close_stop(cause: StopCause, words: str = "") -> None:
    found = SendingStop.objects.filter(cause=cause, closed_at=None)
    found.update(closed_at=timezone.now(), close_words=words[:REASON_MAX])


def settle_stop(cause: StopCause, wrong: str) -> None:
    """Opens it where something is ``wrong``, in words; closes it where nothing is."""
    if wrong:
        open_stop(cause, wrong)
    else:
        close_stop(cause)


@transaction.atomic
def stop_sending(reason: str, by: AbstractUser) -> SendingStop:
    """By an operator. Raises DomainError where one has already."""
    reason = reason_of(reason)
    try:
        with transaction.atomic():
            return SendingStop.objects.create(
                cause=StopCause.OPERATOR, words=reason, opened_by_id=by.pk
            )
    except IntegrityError as error:
        if constraint_of(error) != "sending_stop_open_once":
            raise
        message = "An operator has stopped sending already."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message) from error


@transaction.atomic
def resume_sending(reason: str, by: AbstractUser) -> None:
    """Ends the stop of an operator; the others end with their cause. Raises DomainError where there
    is none."""
    mine = SendingStop.objects.filter(cause=StopCause.OPERATOR, closed_at=None)
    ended = mine.update(closed_at=timezone.now(), closed_by_id=by.pk, close_words=reason_of(reason))
    if not ended:
        message = "No operator has stopped sending: another stop ends with what caused it."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
