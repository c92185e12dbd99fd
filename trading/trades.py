"""Trades of a market by their numbers and by their times, whichever partitions their fills are in.

Each partition of fills has an index of its own by market and trade. So that a look-up opens those
alone in which the trades can be, it names ids, too: the fills of a market have theirs in the order
of its trades, and `TradeStretch` says from which id on those from a trade on are. The numbers of
what is asked for are reckoned, as they have no gaps; where rows are missing it is asked again,
further on, until there are enough or no more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.models import BigIntegerField, QuerySet

from common.postgres.prepared import read_all
from common.postgres.windows import EVER, KeyRange, Window, key_since
from matching.messages.vocabulary import Role
from trading.models import Fill, LastTrade

_WIDER = 16  # times as many numbers, where not enough of them are there
_NO_END = BigIntegerField.MAX_BIGINT

_IDS = """
SELECT asked.first, asked.beyond,
       COALESCE((SELECT first_fill_id FROM trading_tradestretch
                  WHERE market_id = asked.market_id AND first_trade_id < asked.first
                  ORDER BY first_trade_id DESC LIMIT 1), 0),
       (SELECT first_fill_id FROM trading_tradestretch
         WHERE market_id = asked.market_id AND first_trade_id >= asked.beyond
         ORDER BY first_trade_id LIMIT 1)
"""
_IDS_OF_RANGE = f"""
{_IDS}
  FROM (VALUES (%s::text, %s::bigint, %s::bigint)) AS asked(market_id, first, beyond)
"""
_IDS_OF_NEWEST = f"""
{_IDS}
  FROM (SELECT market_id, greatest(%s, beyond - %s) AS first, beyond
          FROM (SELECT market_id, least(%s, leg / 2 + 1) AS beyond
                  FROM trading_lasttrade WHERE market_id = %s) AS last) AS asked
"""  # noqa: S608  words of ours
# The last that begins before a time, and the one after it, which has nothing before that.
_AROUND = """
SELECT earlier.first_trade_id, earlier.first_fill_id, later.first_trade_id, later.first_fill_id,
       last.leg / 2
  FROM trading_lasttrade last
  LEFT JOIN LATERAL (SELECT first_trade_id, first_fill_id FROM trading_tradestretch
                      WHERE market_id = last.market_id AND first_at < %s
                      ORDER BY first_trade_id DESC LIMIT 1) earlier ON true
  LEFT JOIN LATERAL (SELECT first_trade_id, first_fill_id FROM trading_tradestretch
                      WHERE market_id = last.market_id
                        AND first_trade_id > COALESCE(earlier.first_trade_id, 0)
                      ORDER BY first_trade_id LIMIT 1) later ON true
 WHERE last.market_id = %s
"""


@dataclass(frozen=True, slots=True)
class Trades:
    """Of a market, from number ``first`` on and before ``end``. A trade is told by its taker's
    side."""

    market_id: str
    first: int = 0
    end: int = _NO_END

    def newest(self, limit: int, before: int | None = None) -> list[Fill]:
        """The newest first, of those numbered below ``before``."""
        end = self.end if before is None else min(self.end, before)
        wanted = limit
        while asked := _ask(_IDS_OF_NEWEST, (self.first, wanted, end, self.market_id)):
            found = self._told(*asked[0]).order_by("-trade_id")[:limit]
            if len(found) == limit or asked[0][0] <= self.first:
                return list(found)
            wanted *= _WIDER
        return []

    def oldest(self, limit: int, first: int = 0) -> list[Fill]:
        """The oldest first, of those numbered ``first`` and above."""
        first, wanted = max(self.first, first), limit
        while True:
            end = min(self.end, first + wanted)
            ((*ids,),) = _ask(_IDS_OF_RANGE, (self.market_id, first, end))
            found = self._told(*ids).order_by("trade_id")[:limit]
            if len(found) == limit or end == self.end or end > last_trade(self.market_id):
                return list(found)
            wanted *= _WIDER

    def _told(self, *ids: Any) -> QuerySet[Fill]:
        return _within(self.market_id, *ids).filter(role=Role.TAKER)


def trades_of_market(market_id: str, window: Window = EVER) -> Trades:
    return Trades(market_id, *trade_numbers(market_id, window))


def trade_numbers(market_id: str, window: Window) -> tuple[int, int]:
    """From which number on, and before which, trades were within the window."""
    first = 0 if window.start is None else first_trade_since(market_id, window.start)
    return first, _NO_END if window.end is None else first_trade_since(market_id, window.end)


def first_trade_since(market_id: str, at: datetime) -> int:
    """No trade from this number on was before this time, and all below it were."""
    for first, first_id, end, end_id, last in _ask(_AROUND, (at, market_id)):
        keys = KeyRange(first or 0, end or last + 1, first_id or 0, end_id)
        found = key_since(Fill, "trade_id", "executed_at", at, keys, market_id=market_id)
        return keys.end if found is None else found
    return 0


def fills_of_range(market_id: str, first: int, end: int = _NO_END) -> QuerySet[Fill]:
    """Both sides of the trades from this number on and before that one."""
    ((*ids,),) = _ask(_IDS_OF_RANGE, (market_id, first, end))
    return _within(market_id, *ids)


def first_fill_id(market_id: str, first: int) -> int:
    """No fill of the trades from this number on has a lower id."""
    ((_, _, first_id, _),) = _ask(_IDS_OF_RANGE, (market_id, first, _NO_END))
    return int(first_id)


def fills_of_trades(market_id: str, trade_ids: Collection[int]) -> QuerySet[Fill]:
    if not trade_ids:
        return Fill.objects.none()
    whole = fills_of_range(market_id, min(trade_ids), max(trade_ids) + 1)
    return whole.filter(trade_id__in=trade_ids)


def _within(
    market_id: str, first: int, end: int, first_id: int, end_id: int | None
) -> QuerySet[Fill]:
    fills = Fill.objects.filter(market_id=market_id, trade_id__gte=first, pk__gte=first_id)
    if end != _NO_END:
        fills = fills.filter(trade_id__lt=end)
    return fills if end_id is None else fills.filter(pk__lt=end_id)


def newest_trades(market_ids: Collection[str]) -> dict[str, Fill]:
    """The last of each market where there was one."""
    newest = LastTrade.objects.filter(pk__in=market_ids).values_list("taker_fill_id", flat=True)
    return {fill.market_id: fill for fill in Fill.objects.filter(pk__in=list(newest))}


def last_trade(market_id: str) -> int:
    """Its number; 0 before the first."""
    legs = LastTrade.objects.filter(pk=market_id).values_list("leg", flat=True)
    return (legs.first() or 0) // 2


def _ask(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Of the server that is asked for fills; prepared where that is the primary."""
    alias = router.db_for_read(Fill)
    if alias == DEFAULT_DB_ALIAS:
        return read_all(sql, values)
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
