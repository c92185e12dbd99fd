"""Balances at a moment, and the hours and marks that make them quick."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from ledger.archive.models import detached_files, told_of_accounts
from ledger.archive.rows import POSTINGS
from ledger.archive.shadow import hold_still
from ledger.balances.models import BalanceMark, JournalMoment
from ledger.models import Posting
from matching.messages.limits import MAX_ID

LAG_MAX = timedelta(hours=6)  # of the ledger behind the engines, for a balance to be exact
SKEW_MAX = timedelta(minutes=1)  # of clocks against Postgres'
ENDED_WITHIN = timedelta(hours=1)  # every transaction
MARK_ROWS = 100_000

_SUM_BETWEEN = """
SELECT COALESCE(sum(amount_units), 0)::bigint FROM ledger_posting
 WHERE account_id = %(account)s AND id > %(after)s AND id <= %(last)s
"""
# Each entry by its key, as OFFSET says: else Postgres might read all entries there are.
_SUM_BEFORE = """
SELECT COALESCE(sum(posting.amount_units), 0)::bigint
  FROM ledger_posting posting CROSS JOIN LATERAL (
        SELECT created_at FROM ledger_journalentry WHERE id = posting.entry_id OFFSET 0) entry
 WHERE posting.account_id = %(account)s AND posting.id > %(after)s AND posting.id <= %(last)s
   AND entry.created_at < %(at)s
"""


class Bounds(NamedTuple):
    """Around a moment: all that was inserted up to ``after`` happened before it, and all that was
    inserted behind ``last`` did not."""

    after: int
    last: int


def keep_moment() -> None:
    """Once an hour; a miss makes a longer hour."""
    newest = Posting.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is not None:
        JournalMoment.objects.create(posting_id=newest)


def bounds_of(at: datetime) -> Bounds:
    before = JournalMoment.objects.filter(at__lte=at - SKEW_MAX).order_by("-at").first()
    behind = JournalMoment.objects.filter(at__gte=at + LAG_MAX).order_by("at").first()
    return Bounds(before.posting_id if before else 0, behind.posting_id if behind else MAX_ID)


def balances_at(account_ids: Sequence[int], at: datetime) -> list[int]:
    """What each account had just before a moment, in money units. Where postings around it lie in
    files, its caller shows them (`ledger.archive.shadow`)."""
    bounds = bounds_of(at)
    return [_balance_at(account_id, at, bounds) for account_id in account_ids]


def make_marks(account_ids: Sequence[int], at: datetime) -> None:
    """So that whoever asks for balances near this moment sums up little. Up to an hour that is
    over; what is younger has none."""
    settled = min(at - SKEW_MAX, timezone.now() - ENDED_WITHIN)
    moment = JournalMoment.objects.filter(at__lte=settled).order_by("-at").first()
    if moment is None:
        return
    for account_id in account_ids:
        mark = _mark_before(account_id, moment.posting_id)
        while next_id := _next_mark(account_id, mark.posting_id, moment.posting_id):
            units = mark.total_units + _sum_between(account_id, mark.posting_id, next_id)
            mark = BalanceMark(account_id=account_id, posting_id=next_id, total_units=units)
            BalanceMark.objects.bulk_create([mark], ignore_conflicts=True)


def _next_mark(account_id: int, after: int, last: int) -> int | None:
    ahead = Posting.objects.filter(account_id=account_id, pk__gt=after, pk__lte=last)
    ids = ahead.order_by("pk").values_list("pk", flat=True)
    return ids[MARK_ROWS - 1 : MARK_ROWS].first()


def _balance_at(account_id: int, at: datetime, bounds: Bounds) -> int:
    mark = _mark_before(account_id, bounds.after)
    until_hour = _sum_between(account_id, mark.posting_id, bounds.after)
    values: dict[str, Any] = {
        "account": account_id,
        "after": bounds.after,
        "last": bounds.last,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SUM_BEFORE, values)
        (since,) = cursor.fetchone()
    return mark.total_units + until_hour + int(since)


def total_of(account_id: int) -> int:
    """What all postings of an account sum up to."""
    with transaction.atomic():
        hold_still(POSTINGS)
        mark = _mark_before(account_id, MAX_ID)
        return mark.total_units + _sum_between(account_id, mark.posting_id, MAX_ID)


def _mark_before(account_id: int, posting_id: int) -> BalanceMark:
    """The newest sum up to there; the end of a file that has rows of the account is one, too, so
    that what follows is summed up without that file."""
    marks = BalanceMark.objects.filter(account_id=account_id, posting_id__lte=posting_id)
    kept = marks.order_by("-posting_id").first() or BalanceMark(posting_id=0, total_units=0)
    files = detached_files(POSTINGS).filter(end_id__lte=posting_id + 1)
    told = told_of_accounts([account_id]).filter(file__in=files)
    archived = told.order_by("-file__end_id").values_list("file__end_id", "total_units").first()
    if archived is None or archived[0] - 1 < kept.posting_id:
        return kept
    return BalanceMark(posting_id=archived[0] - 1, total_units=archived[1])


def _sum_between(account_id: int, after: int, last: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SUM_BETWEEN, {"account": account_id, "after": after, "last": last})
        (units,) = cursor.fetchone()
    return int(units)
