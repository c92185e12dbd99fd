"""⑤ What stands behind the listener: tasks that persist, safe to lose, repeat and reorder."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError

from ledger.balances.kinds import add_new_entries
from persistence import reading
from persistence.downloads.moment import is_day_known
from persistence.downloads.services import make_due_files
from persistence.faults import handle_fault
from persistence.models import MarketCursor
from persistence.price_moves import persist_price_moves
from persistence.projection.batch import PersistenceStopped
from persistence.reconciliation import run_asked, run_if_due, seal_if_due
from persistence.recovery import archive
from persistence.recovery.left_behind import left_behind
from trading import partitions
from trading.fees.moving import move_if_due
from trading.fees.paying import pay_if_due

# A sweep that waited this long is superseded by the next.
SWEEP_EXPIRES_SECONDS = 5

log = structlog.get_logger(__name__)


@shared_task
def persist_market(market_id: str, up_to_seq: int | None = None) -> None:
    try:
        reading.persist_market(market_id, up_to_seq)
    except PersistenceStopped as fault:
        handle_fault(fault)


@shared_task
def persist_all_markets() -> None:
    """Those that nobody persists: with nothing but prices together, each of the others by a task of
    its own."""
    found = left_behind()
    reached = persist_price_moves(found)
    for market_id in found:
        if market_id not in reached:
            persist_market.apply_async((market_id,), expires=SWEEP_EXPIRES_SECONDS)


@shared_task
def archive_and_trim() -> None:
    """The next run does what a fault of Redis left undone. What fails of one market alone is
    logged, and the others are seen to."""
    for progress in archive.due(archive.progress_of(_market_ids())):
        market_id = progress.cursor.market_id
        try:
            archive.archive_and_trim(progress)
        except redis.RedisError as error:
            log.warning("archive_and_trim_failed", market=market_id, why=str(error))
            if not isinstance(error, redis.ResponseError):
                return
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("archive_and_trim_failed", market=market_id)


@shared_task
def make_daily_files() -> None:
    """What is due and not there. The next run does what a fault left undone."""
    log.info("daily_files_made", count=make_due_files())


@shared_task
def settle_days() -> None:
    """Fee tiers by volume and referral shares, of days that are over and not settled yet."""
    log.info("days_settled", moved=move_if_due(is_day_known), paid=pay_if_due(is_day_known))


@shared_task
def reconcile_all() -> None:
    run_if_due()


@shared_task
def reconcile_now() -> None:
    run_asked()


@shared_task
def seal_journal() -> None:
    """The next run does what this one left undone."""
    seal_if_due()


@shared_task
def sum_up_journal() -> None:
    """The next run does what this one left undone."""
    add_new_entries()


@shared_task
def make_partitions() -> None:
    """The next run does what this one can't: there is room for long."""
    with _put_off("trading_order"):
        if partitions.take_back_orders():
            log.warning("partitioning_taken_back", what="manage.py partitionorders was killed")
    for table in partitions.partition_widths():
        with _put_off(table):
            if made := partitions.make_partitions(table):
                log.info("partitions_made", names=made)


@contextmanager
def _put_off(table: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        log.warning("partitions_put_off", table=table, why=str(error).partition("\n")[0])


def _market_ids() -> list[str]:
    return list(MarketCursor.objects.order_by("pk").values_list("market_id", flat=True))
