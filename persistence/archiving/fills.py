"""Fills: which may go, and what is kept of them.

A partition may go once the newest seal covers all of its trades: from then on only a full proof
reads them all. Of orders that a run of reconciliation looks at again, sums are kept. And it is some
hours old: what watches over trading looks at the table alone, and no further back than one.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from common.postgres.partitions import Partition
from ledger.archive.models import ArchiveFile
from persistence.archiving.kinds import ArchivedKind
from persistence.sealing.models import JournalSeal
from trading.archive.models import ArchivedMarket, ArchivedOrder, ArchivedTrader
from trading.archive.rows import FILLS, FillContents

LOOKED_AT = timedelta(hours=3)

_BATCH_ROWS = 5_000
_NOT_SEALED = """
SELECT market.id, last.trade_id FROM markets_market market
 CROSS JOIN LATERAL (SELECT trade_id FROM {partition} WHERE market_id = market.id
                      ORDER BY trade_id DESC LIMIT 1) last
  LEFT JOIN persistence_sealedmarket sealed
    ON sealed.market_id = market.id AND sealed.seal_id = %s
 WHERE last.trade_id > COALESCE(sealed.trade_id, 0) LIMIT 1
"""
# Of a market times rise with trades; with ids they don't, where another was written down late.
_LAST_AT = """
SELECT max(last.executed_at) FROM markets_market market
 CROSS JOIN LATERAL (SELECT executed_at FROM {partition} WHERE market_id = market.id
                      ORDER BY trade_id DESC LIMIT 1) last
"""
# Of orders that reconciliation will look at again.
_ORDERS = """
SELECT fill.order_id, min(fill.market_id), sum(fill.size_lots)::bigint,
       sum(fill.size_lots::numeric * fill.price_ticks)
  FROM (SELECT order_id AS id FROM persistence_carriedorder
         UNION SELECT id FROM trading_order WHERE id > %s) looked_at
 CROSS JOIN LATERAL (SELECT order_id, market_id, size_lots, price_ticks FROM {partition}
                      WHERE order_id = looked_at.id OFFSET 0) fill
 GROUP BY fill.order_id
"""


class ArchivedFills(ArchivedKind):
    layout = FILLS
    rows = "fills"

    def contents(self) -> FillContents:
        return FillContents()

    def why_not(self, partition: Partition, seal: JournalSeal) -> str:
        if found := _ask(_NOT_SEALED, partition, seal.pk):
            (market_id, trade_id), *_ = found
            return f"trade {trade_id:,} of {market_id} is not sealed: wait for the next seal"
        ((last_at,),) = _ask(_LAST_AT, partition)
        if last_at is not None and last_at > timezone.now() - LOOKED_AT:
            return "its newest is younger than three hours, and alerts may look at it: wait"
        return ""

    def tell(
        self, file: ArchiveFile, partition: Partition, contents: FillContents, seal: JournalSeal
    ) -> None:
        ArchivedTrader.objects.bulk_create(
            (
                ArchivedTrader(
                    file=file,
                    user_id=user_id,
                    row_count=of.row_count,
                    last_at=of.last_at,
                    groups=of.groups,
                )
                for user_id, of in sorted(contents.traders.items())
            ),
            batch_size=_BATCH_ROWS,
        )
        ArchivedMarket.objects.bulk_create(
            ArchivedMarket(file=file, market_id=market_id, **_columns(of))
            for market_id, of in sorted(contents.markets.items())
        )
        ArchivedOrder.objects.bulk_create(
            (
                ArchivedOrder(
                    file=file, order_id=order, market_id=market, lots=lots, tick_lots=tick_lots
                )
                for order, market, lots, tick_lots in _ask(_ORDERS, partition, seal.last_order_id)
            ),
            batch_size=_BATCH_ROWS,
        )

    def wrong_with(self, file: ArchiveFile, contents: FillContents) -> Iterator[str]:
        found = {
            f"user {user_id}": (of.row_count, of.last_at, of.groups)
            for user_id, of in contents.traders.items()
        }
        found |= {
            market_id: tuple(_columns(of).values()) for market_id, of in contents.markets.items()
        }
        told = {
            f"user {one.user_id}": (one.row_count, one.last_at, one.groups)
            for one in ArchivedTrader.objects.filter(file=file)
        }
        told |= {
            one.market_id: tuple(getattr(one, name) for name in _columns(one))
            for one in ArchivedMarket.objects.filter(file=file)
        }
        for whose in sorted({*told, *found}):
            if told.get(whose) != found.get(whose):
                yield (
                    f"{file}: {whose} has {found.get(whose)}, and was told to have"
                    f" {told.get(whose)}"
                )


_OF_MARKET = (
    "row_count", "fee_units", "first_trade_id", "last_trade_id", "last_seq", "first_at", "last_at",
    "groups",
)  # fmt: skip


def _columns(of_market: Any) -> dict[str, Any]:
    return {name: getattr(of_market, name) for name in _OF_MARKET}


def _ask(sql: str, partition: Partition, *values: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(partition=partition.name), values)
        return list(cursor.fetchall())
