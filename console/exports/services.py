"""A month is asked for, fetched, and in the end dropped."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode, invalid
from console.exports.models import ExportKind, ExportPart, ExportRun
from console.exports.months import offered_months
from console.jobs import services as jobs

KEPT_FOR = timedelta(days=7)


def start_run(request: HttpRequest, kind: ExportKind, month: date, reason: str) -> ExportRun:
    """Raises DomainError: with `BUSY` while another is under way."""
    if month not in {one.first_day for one in offered_months(timezone.now())}:
        raise invalid("month", "This month isn’t among those that can be exported.")
    run = ExportRun(kind=kind, month=month, reason=reason)
    return jobs.start(request, run, Verb.EXPORTED, f"asked for the {run}")


@transaction.atomic
def fetch(request: HttpRequest, run: ExportRun) -> Iterator[bytes]:
    """The file, part by part. Raises DomainError where it is no longer kept."""
    if not run.is_kept:
        raise DomainError(ErrorCode.NOT_FOUND, "This file is no longer kept: export it again.")
    words = f"fetched {run.file_name}, SHA-256 {run.sha256}"
    tell(Act(verb=Verb.EXPORTED, request=request, obj=run, words=words, reason=run.reason))
    return _parts(run)


def _parts(run: ExportRun) -> Iterator[bytes]:
    """Each is read whole before any of it is sent: nobody waits for who fetches it."""
    rows = ExportPart.objects.filter(run=run).order_by("number")
    for number in list(rows.values_list("number", flat=True)):
        yield bytes(rows.values_list("data", flat=True).get(number=number))


def drop_old() -> int:
    """How many files were dropped."""
    old = ExportRun.objects.filter(is_kept=True, ended_at__lt=timezone.now() - KEPT_FOR)
    dropped = 0
    for run in old:
        with transaction.atomic():
            ExportPart.objects.filter(run=run).delete()
            dropped += ExportRun.objects.filter(pk=run.pk).update(is_kept=False)
    return dropped
