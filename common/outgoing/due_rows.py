"""What leaves the house: rows that commit with what they tell of, and are sent afterwards.

Theory of operation. Whatever wants something told outside inserts a row in its own transaction. A
task takes rows that are due, one at a time: it claims one (a try more, due again after `LEASE`),
commits, and only then speaks to the network, holding no lock. What failed is due again later and
later, and after the last try the row says `failed` and why, until somebody sends it again. A task
that dies between the sending and its record leaves a row that is sent once more after the lease:
so each has a ``key`` that never changes, by which a receiver knows it.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Self, TypeVar

import structlog
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from common.choices import choices
from common.errors import DomainError, ErrorCode
from common.postgres.alone import alone

BACKOFF_S = (10, 30, 120, 600, 1_800, 3_600, 7_200)
TRIES_MAX = len(BACKOFF_S) + 1
LEASE = timedelta(minutes=5)  # longer than any sending takes
RUN_FOR_S = 20.0  # a run ends then: what is left is for the next, and the worker for others
KEPT_FOR = timedelta(days=90)
FORGOTTEN_AT_ONCE_MAX = 10_000
ERROR_MAX = 500

log = structlog.get_logger(__name__)


class OutgoingState(StrEnum):
    """KEPT: nothing is set up that would send it; it can be read here."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    KEPT = "kept"


class NotSent(Exception):
    """It didn't arrive, as far as is known; the text says why."""


class Outgoing(models.Model):
    """``due_at``: of one that waits; ``ended_at``: when it was sent, given up or kept."""

    key = models.CharField(max_length=120, unique=True)
    made_at = models.DateTimeField(db_default=Now())
    state = models.CharField(
        max_length=7, choices=choices(OutgoingState), default=OutgoingState.WAITING
    )
    tries = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=ERROR_MAX, blank=True)

    class Meta:
        abstract = True
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state=OutgoingState.WAITING),
                name="%(class)s_due",
            ),
            models.Index(
                fields=["ended_at"], condition=Q(ended_at__isnull=False), name="%(class)s_ended"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    def send_again(self) -> None:
        """From the first try on. Raises DomainError for one that was not given up."""
        again = type(self)._base_manager.filter(pk=self.pk, state=OutgoingState.FAILED)
        now = timezone.now()
        if not again.update(state=OutgoingState.WAITING, tries=0, due_at=now, ended_at=None):
            message = "Only what was given up can be sent again."
            raise DomainError(ErrorCode.INVALID_TRANSITION, message)

    def end(self, state: OutgoingState, **fields: object) -> bool:
        """False where another try, or an operator, has had it since."""
        mine = type(self)._base_manager.filter(
            pk=self.pk, state=OutgoingState.WAITING, tries=self.tries
        )
        return bool(mine.update(state=state, ended_at=timezone.now(), **fields))

    def put_off(self, why: str) -> None:
        """To the next try, or for good after the last."""
        why = why.replace("\0", "")[:ERROR_MAX]
        if self.tries >= TRIES_MAX:
            if self.end(OutgoingState.FAILED, last_error=why):
                log.error("outgoing_given_up", key=self.key, why=why)
            return
        due_at = timezone.now() + timedelta(seconds=BACKOFF_S[self.tries - 1])
        mine = type(self)._base_manager.filter(
            pk=self.pk, state=OutgoingState.WAITING, tries=self.tries
        )
        mine.update(due_at=due_at, last_error=why)

    @classmethod
    def claim(cls) -> Self | None:
        """The one that is due longest, nobody else's for as long as `LEASE`."""
        now = timezone.now()
        with transaction.atomic():
            due = cls._base_manager.filter(state=OutgoingState.WAITING, due_at__lte=now)
            row = due.select_for_update(skip_locked=True).order_by("due_at").first()
            if row is None:
                return None
            row.tries += 1
            row.due_at = now + LEASE
            row.save(update_fields=["tries", "due_at"])
            return row


Row = TypeVar("Row", bound=Outgoing)


def send_due(model: type[Row], lock: int, send: Callable[[Row], None]) -> None:
    """One run at a time, so that a receiver that hangs holds up one worker and no more.

    ``send`` returns where it arrived, and raises NotSent where not; whatever else it raises is the
    row's fault, logged, and no other's.
    """
    with alone(lock) as is_alone:
        until = time.monotonic() + RUN_FOR_S
        while is_alone and time.monotonic() < until and (row := model.claim()) is not None:
            _try(row, send)


def _try(row: Row, send: Callable[[Row], None]) -> None:
    try:
        send(row)
    except NotSent as error:
        row.put_off(str(error))
    except Exception as error:
        log.exception("outgoing_failed", key=row.key)
        row.put_off(f"{type(error).__name__}: see the log")
    else:
        row.end(OutgoingState.SENT, last_error="")


def forget_old(model: type[Outgoing]) -> None:
    """A part at a time: what is left is for the next run."""
    rows = model._base_manager
    old = rows.filter(ended_at__lt=timezone.now() - KEPT_FOR).order_by("ended_at")
    rows.filter(pk__in=list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE_MAX])).delete()
