"""Trades of a market by their numbers and by their times, whichever partitions their fills are in.

Each partition of fills has an index of its own by market and trade. So that a look-up opens those
alone in which the trades can be, it names ids, too: the fills of a market have theirs in the order
of its trades, and `TradeStretch` says from which id on those from a trade on are. The numbers of
what is asked for are reckoned, as they have no gaps; where rows are missing it is asked again,
further on, until there are enough or no more.

Old partitions can lie in files (`trading.archive`). As a market's numbers have no gaps, what the
table has says whether a file may have more. Rows of `fills_of_range` and `fills_of_trades` are the
table's alone: their readers show what files have.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.models import BigIntegerField, QuerySet

from common.postgres.prepared import read_all
from common.postgres.replica import reading_now
from common.postgres.windows import EVER, KeyRange, Window, key_since
from ledger.archive.models import detached_files
from ledger.archive.shadow import hold_still
from matching.messages.vocabulary import Role
from trading.archive import picking
from trading.archive.models import first_archived_at, last_archived_trade, told_of_market
from trading.archive.rows import FILLS
from trading.archive.shown import fills_shown
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
        found = self._newest(limit, end)
        if len(found) == limit or self._is_whole(found[-1:], self.first):
            return found
        with fills_shown(picking.newest_trades_of(self.market_id, self.first, end, limit)):
            return self._newest(limit, end)

    def oldest(self, limit: int, first: int = 0) -> list[Fill]:
        """The oldest first, of those numbered ``first`` and above."""
        first = max(self.first, first)
        found = self._oldest(limit, first)
        if self._is_whole(found[:1], first):
            return found
        with fills_shown(picking.oldest_trades_of(self.market_id, first, self.end, limit)):
            return self._oldest(limit, first)

    def _is_whole(self, lowest: Sequence[Fill], first: int) -> bool:
        """Whether no file can have trades from a number on that the table doesn't have. ``lowest``:
        what that has, if any."""
        if lowest and lowest[0].trade_id <= max(first, 1):
            return True
        return last_archived_trade(self.market_id) < max(first, 1)

    def _newest(self, limit: int, end: int) -> list[Fill]:
        wanted = limit
        while asked := _ask(_IDS_OF_NEWEST, (self.first, wanted, end, self.market_id)):
            found = self._told(*asked[0]).order_by("-trade_id")[:limit]
            if len(found) == limit or asked[0][0] <= self.first:
                return list(found)
            wanted *= _WIDER
        return []

    def _oldest(self, limit: int, first: int) -> list[Fill]:
        wanted = limit
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
    found = _first_in_table(market_id, at)
    told = told_of_market(market_id).filter(first_at__lt=at).order_by("first_trade_id").last()
    if told is None:
        return found
    if told.last_at < at:
        return max(found, told.last_trade_id + 1)
    with transaction.atomic(), reading_now():
        hold_still(FILLS)
        file = detached_files(FILLS).filter(pk=told.file_id).first()
        if file is not None:
            return picking.first_trade_since(file, market_id, at) or told.last_trade_id + 1
        return max(told.first_trade_id, _first_in_table(market_id, at))


def _first_in_table(market_id: str, at: datetime) -> int:
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
    lasts = LastTrade.objects.filter(pk__in=market_ids, taker_fill_id__gt=0)
    newest = dict(lasts.values_list("market_id", "taker_fill_id"))
    found = {fill.market_id: fill for fill in Fill.objects.filter(pk__in=newest.values())}
    for market_id in newest.keys() - found.keys():
        if (fill := _fill_in_file(newest[market_id])) is not None:
            found[market_id] = fill
    return found


@lru_cache(maxsize=4_096)
def _fill_in_file(fill_id: int) -> Fill | None:
    """Of a market that is silent for long, whose ticker is asked for as ever."""
    with fills_shown(picking.of_keys([fill_id])):
        return Fill.objects.filter(pk=fill_id).first()


def first_trade_at(market_id: str) -> datetime | None:
    """The time of its first trade, if it had one. Asks no file, however old that is."""
    at = first_archived_at(market_id)
    if at is not None:
        return at
    first = trades_of_market(market_id).oldest(1)
    return first[0].executed_at if first else None


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
