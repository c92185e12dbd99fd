"""The next seal: what is behind the newest is proven, and its first stretch sealed.

One transaction, so whoever kills it leaves nothing behind. It proves and reads in one snapshot,
taken after everybody who drew an id up to the seal's end has ended (`common.postgres.horizon`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from common.postgres.alone import alone
from common.postgres.horizon import complete_ids
from persistence.reconciliation.checks import (
    ALL_CHECKS,
    check_values,
    in_one_snapshot,
    read_by_index,
)
from persistence.reconciliation.differences import run_check
from persistence.sealing.contents import StretchContents, contents_of, digest_of
from persistence.sealing.models import (
    JournalSeal,
    SealedMarket,
    SealedPosition,
    SealedTotal,
)
from persistence.sealing.scope import EVERYTHING, StretchEnd, behind, newest_seal
from trading.models import LIVE_STATUSES

_LOCK = 0x7365616C  # "seal"
AT_ONCE_MAX = 20  # stretches that one proof is for, where a long history is yet to be sealed
# By column of a seal.
SEQUENCES: Mapping[str, str] = {
    "last_entry_id": "ledger_journalentry_id_seq",
    "last_order_id": "trading_order_id_seq",
    "last_life_id": "trading_positionlife_id_seq",
    "last_mark_id": "ledger_balancemark_id_seq",
}

# A market ends before its first entry behind the stretch, or where it is persisted to.
_MARKET_ENDS = """
SELECT c.market_id, COALESCE(min_behind.seq - 1, c.seq) AS seq
  FROM persistence_marketcursor c
  LEFT JOIN (SELECT market_id, min(seq) AS seq FROM ledger_journalentry
              WHERE id > %(last_entry)s AND seq IS NOT NULL GROUP BY market_id) min_behind
    ON min_behind.market_id = c.market_id
 ORDER BY c.market_id
"""
# Trades of a market have their numbers, and fills their ids, in the order of its sequences. Those
# that were sealed before can lie in files.
_LAST_TRADES = """
SELECT e.market_id, greatest(before.trade_id, COALESCE((
       SELECT trade_id FROM trading_fill f
        WHERE f.market_id = e.market_id AND f.seq <= e.seq AND f.id >= COALESCE((
              SELECT first_fill_id FROM trading_tradestretch
               WHERE market_id = e.market_id AND first_trade_id <= before.trade_id
               ORDER BY first_trade_id DESC LIMIT 1), 0)
        ORDER BY trade_id DESC LIMIT 1), 0))
  FROM unnest(%(markets)s::text[], %(seqs)s::bigint[]) AS e(market_id, seq)
  LEFT JOIN persistence_sealedmarket before
    ON before.market_id = e.market_id AND before.seal_id = %(before)s
"""
# Lives up to which all have begun within the stretch.
_FIRST_LIFE_BEHIND = """
SELECT min(l.id) FROM trading_positionlife l
  JOIN unnest(%(markets)s::text[], %(seqs)s::bigint[]) AS e(market_id, seq)
    ON e.market_id = l.market_id
 WHERE l.id > %(after_life)s AND l.opened_seq > e.seq
"""
_LIFE_ROW = """
SELECT id FROM trading_positionlife
 WHERE user_id = %s AND market_id = %s AND opened_seq = %s
 ORDER BY id DESC LIMIT 1
"""
_CARRY = """
INSERT INTO persistence_carriedorder (order_id)
SELECT id FROM checked_orders
 WHERE (status = ANY(%(live)s) OR held_units > 0) AND id <= %(new_last_order)s
    ON CONFLICT DO NOTHING
"""
_CARRY_NO_MORE = """
DELETE FROM persistence_carriedorder c
 WHERE NOT EXISTS (SELECT FROM trading_order o
                    WHERE o.id = c.order_id AND (o.status = ANY(%s) OR o.held_units > 0))
"""
_LIVE = [status.value for status in LIVE_STATUSES]

log = structlog.get_logger(__name__)


class _Stretch(NamedTuple):
    """What is to be sealed, and the ids that are complete."""

    before: JournalSeal | None
    end: StretchEnd
    ids: Mapping[str, int]
    first_life_behind: int | None


def seal_if_due() -> list[JournalSeal]:
    """Seals what is due. Another worker's turn is left to it."""
    with alone(_LOCK) as is_alone:
        return seal_stretches() if is_alone else []


def seal_stretches(entries: int | None = None) -> list[JournalSeal]:
    """Of ``entries`` ids each (SEAL_ENTRIES), as many as are complete behind the newest seal. None
    where a transaction that could still add to them doesn't end, and where not all is right. Raises
    DatabaseError. Not inside another transaction."""
    last = complete_ids(tuple(SEQUENCES.values()))
    if last is None:
        log.warning("seal_put_off", why="a transaction that writes to the journal goes on")
        return []
    ids = dict(zip(SEQUENCES, last, strict=True))
    length = entries or settings.SEAL_ENTRIES
    with transaction.atomic(durable=True):
        in_one_snapshot(read_only=False)
        first = newest_seal()
        count = (ids["last_entry_id"] - (first.last_entry_id if first else 0)) // length
        if count <= 0 or not _is_proven(first):
            return []
        made: list[JournalSeal] = []
        for _ in range(min(count, AT_ONCE_MAX)):
            made.append(_seal(_stretch(made[-1] if made else first, length, ids)))
        _carry_orders(first, made[-1].last_order_id)
    for seal in made:
        log.info("journal_sealed", seal=seal.pk, last_entry=seal.last_entry_id, sha256=seal.sha256)
    return made


def _is_proven(first: JournalSeal | None) -> bool:
    """All rows behind the newest seal; before there is one, all."""
    scope = behind(first) if first else EVERYTHING
    if first:
        read_by_index()
    values = check_values(None)
    wrong = {check.name: run_check(check, values, scope).total for check in ALL_CHECKS}
    wrong = {name: total for name, total in wrong.items() if total}
    if wrong:
        log.error("seal_refused", differences=wrong)
    return not wrong


def _stretch(before: JournalSeal | None, length: int, ids: Mapping[str, int]) -> _Stretch:
    last_entry_id = (before.last_entry_id if before else 0) + length
    seqs = dict(_ask(_MARKET_ENDS, {"last_entry": last_entry_id}))
    values = {
        "markets": list(seqs),
        "seqs": list(seqs.values()),
        "before": before.pk if before else 0,
    }
    trades = dict(_ask(_LAST_TRADES, values))
    after_life = before.last_life_id if before else 0
    ((first_life,),) = _ask(_FIRST_LIFE_BEHIND, {**values, "after_life": after_life})
    markets = {market_id: (seq, trades[market_id]) for market_id, seq in seqs.items()}
    end = StretchEnd(last_entry_id, ids["last_order_id"], markets)
    return _Stretch(before, end, ids, first_life)


def _seal(stretch: _Stretch) -> JournalSeal:
    before, end = stretch.before, stretch.end
    contents = contents_of(behind(before, end))
    last_life_id = stretch.ids["last_life_id"]
    if stretch.first_life_behind is not None:
        last_life_id = min(last_life_id, stretch.first_life_behind - 1)
    seal = JournalSeal(
        id=before.pk + 1 if before else 1,
        last_entry_id=end.entry_id,
        last_order_id=end.order_id,
        last_life_id=last_life_id,
        last_mark_id=stretch.ids["last_mark_id"],
        **counts_after(before, contents),
        blocks=contents.blocks,
        previous_sha256=before.sha256 if before else "",
        sealed_at=timezone.now(),
    )
    seal.sha256 = digest_of(seal, end.markets, contents)
    seal.save(force_insert=True)
    _write_parts(seal, end, contents)
    return seal


def counts_after(before: JournalSeal | None, contents: StretchContents) -> dict[str, int]:
    """Counts and fees of everything up to the end of a stretch."""
    names = ("entry_count", "posting_count", "fill_count", "order_count", "fee_units")
    return {
        name: int(getattr(before, name) if before else 0) + getattr(contents, name)
        for name in names
    }


def _write_parts(seal: JournalSeal, end: StretchEnd, contents: StretchContents) -> None:
    SealedMarket.objects.bulk_create(
        SealedMarket(seal=seal, market_id=market_id, seq=seq, trade_id=trade_id)
        for market_id, (seq, trade_id) in end.markets.items()
    )
    SealedTotal.objects.bulk_create(
        SealedTotal(seal=seal, account_id=account_id, total_units=units)
        for account_id, units in contents.totals.items()
    )
    SealedPosition.objects.bulk_create(
        SealedPosition(
            seal=seal,
            life_row_id=_life_row(one.user_id, one.market_id, one.life) if one.life else None,
            **one._asdict(),
        )
        for one in contents.positions
    )


def _life_row(user_id: int, market_id: str, life: Mapping[str, Any]) -> int:
    ((life_id,),) = _ask(_LIFE_ROW, [user_id, market_id, life["opened_seq"]])
    return int(life_id)


def _carry_orders(before: JournalSeal | None, last_order_id: int) -> None:
    scope = behind(before)
    values = {**scope.values, "live": _LIVE, "new_last_order": last_order_id}
    with connection.cursor() as cursor:
        cursor.execute(scope.prelude + _CARRY, values)
        cursor.execute(_CARRY_NO_MORE, [_LIVE])


def _ask(sql: str, values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
