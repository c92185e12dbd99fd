"""⑤ What stands behind the listener: tasks that persist, safe to lose, repeat and reorder."""

from celery import shared_task

from ledger import persistence
from ledger.batch import PersistenceStopped
from ledger.models import MarketCursor

# A sweep that waited this long is superseded by the next.
SWEEP_EXPIRES_SECONDS = 5


@shared_task
def persist_market(market_id: str, up_to_seq: int | None = None) -> None:
    try:
        persistence.persist_market(market_id, up_to_seq)
    except PersistenceStopped as fault:
        persistence.report_fault(fault)


@shared_task
def persist_all_markets() -> None:
    for market_id in MarketCursor.objects.order_by("pk").values_list("market_id", flat=True):
        persist_market.apply_async((market_id,), expires=SWEEP_EXPIRES_SECONDS)
