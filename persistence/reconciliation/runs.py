"""A run: all checks in one snapshot of the database, engines asked afterwards, the result kept."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from common.postgres.alone import alone
from common.redis_client import redis_client
from ledger.archive.rows import POSTINGS
from ledger.archive.shadow import all_rows_shown, hold_still
from ledger.models import StopCause
from ledger.withdrawals.stops import settle_stop
from persistence.models import MarketCursor, ReconcileRun
from persistence.reconciliation.checks import (
    ALL_CHECKS,
    check_values,
    in_one_snapshot,
    read_by_index,
)
from persistence.reconciliation.differences import SHOWN_PER_CHECK_MAX, Difference, run_check
from persistence.reconciliation.engine import (
    Comparison,
    RowsOfEngine,
    compare_with_engine,
    read_market_rows,
)
from persistence.reconciliation.figures import read_figures
from persistence.reconciliation.money_checks import WALLETS
from persistence.reconciliation.seal_proof import seal_differences
from persistence.sealing.scope import EVERYTHING, behind, newest_seal
from trading.archive.rows import FILLS

DIFFERENCES_KEPT = SHOWN_PER_CHECK_MAX  # of one run, in its row
DIFFERENCES_LOGGED = 20
CLEAN_RUNS_KEPT = 1_500  # a day, at one a minute
OTHER_RUNS_KEPT = 500
RESTS = 4  # times as long as it took, after each periodic run
OVERDUE_AFTER = timedelta(minutes=5)  # and what it rests; it is due every minute
_LOCK = 0x7265636F  # "reco": the advisory lock of a run, but for those of the command
_IS_LOCKED = """
SELECT EXISTS (
    SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
     WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1
       AND datname = current_database())
"""

log = structlog.get_logger(__name__)


class Reconciled(NamedTuple):
    """What a run found. ``differences`` are the first of ``difference_count``."""

    difference_count: int
    differences: list[Difference]
    comparisons: list[Comparison]
    figures: dict[str, int]


def wallet_differences() -> list[Difference]:
    """Wallet columns that are not the sum of their account's postings, as of one instant."""
    with transaction.atomic():
        hold_still(POSTINGS)
        with all_rows_shown(POSTINGS):
            return list(run_check(WALLETS, {}).shown)


def reconcile(market_id: str | None = None, *, is_full: bool = False) -> Reconciled:
    """Everything, or all of money and one market: what lies behind the newest seal, or, of a full
    proof, all rows there are and each seal. Changes nothing.

    Raises LookupError for an unknown market, and DatabaseError. Not inside another transaction.
    """
    count = 0
    differences: list[Difference] = []
    with transaction.atomic(durable=True), ExitStack() as stack:
        in_one_snapshot(read_only=not is_full)
        markets = _read_markets(market_id)
        if is_full:
            stack.enter_context(all_rows_shown(POSTINGS))
            stack.enter_context(all_rows_shown(FILLS))
        seal = None if is_full else newest_seal()
        scope = behind(seal) if seal else EVERYTHING
        if seal:
            read_by_index()
        for check in ALL_CHECKS:
            found = run_check(check, check_values(market_id), scope)
            count += found.total
            differences += found.shown
        figures = read_figures(scope)
        if is_full:
            of_seals = list(seal_differences())
            count += len(of_seals)
            differences += of_seals[:SHOWN_PER_CHECK_MAX]
    comparisons = [compare_with_engine(redis_client(), rows) for rows in markets]
    for comparison in comparisons:
        count += len(comparison.differences)
        differences += comparison.differences
    return Reconciled(count, differences, comparisons, figures)


def run_reconciliation(
    market_id: str | None = None, *, is_full: bool = False
) -> tuple[ReconcileRun, Reconciled]:
    """`reconcile`, and the record of it. Raises what `reconcile` raises."""
    started_at = timezone.now()
    result = reconcile(market_id, is_full=is_full)
    return _record(market_id, started_at, result, is_full=is_full), result


def run_if_due() -> ReconcileRun | None:
    """The periodic run; None while another worker's is still on, or so soon after the last one that
    runs would take more than their share of a core."""
    with alone(_LOCK) as is_alone:
        last = newest_run()
        # A clock set back makes a run due, not one of tomorrow.
        rests = last and timedelta(0) <= timezone.now() - last.finished_at < RESTS * last.took
        return _run_and_log() if is_alone and not rests else None


def run_now() -> ReconcileRun | None:
    """However soon after the last one; None while another is still on."""
    with alone(_LOCK) as is_alone:
        return _run_and_log() if is_alone else None


def is_running() -> bool:
    """Whether one of `run_if_due` or `run_now` is on, whichever worker's."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_LOCKED, [_LOCK])
        (found,) = cursor.fetchone()
    return bool(found)


def _run_and_log() -> ReconcileRun:
    run, result = run_reconciliation()
    _log(result)
    return run


def _log(result: Reconciled) -> None:
    for difference in result.differences[:DIFFERENCES_LOGGED]:
        log.error(
            "reconcile_difference",
            market=difference.market_id or None,
            check=difference.check,
            subject=difference.subject,
            expected=difference.expected,
            found=difference.found,
        )
    if result.difference_count > DIFFERENCES_LOGGED:
        log.error("reconcile_differences_not_logged", differences=result.difference_count)


def newest_run() -> ReconcileRun | None:
    """Of everything, not of one market."""
    return ReconcileRun.objects.filter(market_id="").order_by("-pk").first()


def is_overdue(run: ReconcileRun, now: datetime) -> bool:
    """Whether another should have run since."""
    return now - run.finished_at >= OVERDUE_AFTER + RESTS * run.took


def _read_markets(market_id: str | None) -> list[RowsOfEngine]:
    cursors = MarketCursor.objects.select_related("market__status").order_by("pk")
    if market_id is not None:
        cursors = cursors.filter(pk=market_id)
        if not cursors:
            raise LookupError(f"there is no market {market_id}")
    return [read_market_rows(cursor) for cursor in cursors]


@transaction.atomic
def _record(
    market_id: str | None, started_at: datetime, result: Reconciled, *, is_full: bool
) -> ReconcileRun:
    run = ReconcileRun.objects.create(
        market_id=market_id or "",
        is_full=is_full,
        started_at=started_at,
        finished_at=timezone.now(),
        difference_count=result.difference_count,
        differences=[list(d) for d in result.differences[:DIFFERENCES_KEPT]],
        compared=[
            {"market": c.market_id, "seq": c.seq, "notCompared": c.not_compared}
            for c in result.comparisons
        ],
        figures=result.figures,
    )
    if market_id is None:
        count = result.difference_count
        wrong = f"{run} found {count} differences" if count else ""
        settle_stop(StopCause.RECONCILIATION, wrong)
    clean = Q(difference_count=0)
    for kind, kept in ((clean, CLEAN_RUNS_KEPT), (~clean, OTHER_RUNS_KEPT)):
        newest = ReconcileRun.objects.filter(kind).order_by("-pk")
        first_to_go = newest.values_list("pk", flat=True)[kept : kept + 1]
        newest.filter(pk__lte=first_to_go).delete()
    return run
