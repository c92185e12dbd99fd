"""What a stretch of history adds up to: counts, sums, and hashes of its rows.

Worked out alike for a seal that is made and for one that is proven. Rows are hashed by the hundred,
so that the full proof can say where one was changed: entries with their postings by id, fills by
market and trade. What a row is hashed as is Postgres' own text of its columns, with times as whole
microseconds, so that it depends on no setting of a session.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import connection

from persistence.sealing.models import JournalSeal
from persistence.sealing.scope import ProofScope
from persistence.sealing.stories import LIVES_OF_ROWS

BLOCK_ROWS = 100

_COUNTS = """
SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM postings),
       (SELECT count(*) FROM fills), (SELECT count(*) FROM new_orders),
       (SELECT COALESCE(sum(fee_units), 0) FROM fills)
"""
_ENTRY_BLOCKS = f"""
, lines AS (
    SELECT entry_id, string_agg(ROW(id, account_id, amount_units, kind)::text, '' ORDER BY id)
               AS told
      FROM postings GROUP BY entry_id
), told AS (
    SELECT COALESCE(e.id, l.entry_id) AS id,
           ROW(e.id, e.kind, e.market_id, e.seq, e.order_id, e.trade_id,
               (extract(epoch FROM e.created_at) * 1000000)::bigint)::text
           || COALESCE(l.told, '') AS line
      FROM entries e FULL JOIN lines l ON l.entry_id = e.id
)
SELECT '' AS market_id, (id - 1) / {BLOCK_ROWS} AS block,
       encode(sha256(convert_to(string_agg(line, E'\\n' ORDER BY id), 'UTF8')), 'hex')
  FROM told GROUP BY block ORDER BY block
"""  # noqa: S608  a number of ours
_FILL_BLOCKS = f"""
SELECT market_id, (trade_id - 1) / {BLOCK_ROWS} AS block,
       encode(sha256(convert_to(string_agg(
           ROW(id, trade_id, role, order_id, execution, user_id, side, price_ticks, size_lots,
               fee_units, realized_pnl_units, insurance_units, seq,
               (extract(epoch FROM executed_at) * 1000000)::bigint)::text,
           E'\\n' ORDER BY trade_id, role, id), 'UTF8')), 'hex')
  FROM fills GROUP BY market_id, block ORDER BY market_id, block
"""  # noqa: S608
_TOTALS = """
SELECT t.id, t.units::bigint FROM account_totals t
 WHERE t.id IN (SELECT account_id FROM postings) ORDER BY t.id
"""
_POSITIONS = f"""
, {LIVES_OF_ROWS}, told AS (
    SELECT market_id, user_id, lots, pnl, life, true AS has_moved, NULL AS open_life
      FROM numbered
     UNION ALL
    SELECT market_id, user_id, lots, realized_pnl_units, life_count, false, NULL
      FROM position_bases
     UNION ALL
    SELECT market_id, user_id, 0, 0, life, false, jsonb_build_object(
           'side', side, 'opened_seq', opened_seq,
           'opened_us', (extract(epoch FROM opened_at) * 1000000)::bigint,
           'max_lots', max_lots, 'entry_lots', entry_lots,
           'entry_tick_lots', entry_tick_lots, 'exit_lots', exit_lots,
           'exit_tick_lots', exit_tick_lots, 'realized_pnl_units', realized_pnl_units,
           'fee_units', fee_units, 'liquidation_fee_units', liquidation_fee_units,
           'insurance_units', insurance_units, 'loss_share_units', loss_share_units,
           'funding_units', funding_units)::text
      FROM lived WHERE closed_seq IS NULL
)
SELECT market_id, user_id, sum(lots)::bigint, sum(pnl)::bigint, max(life),
       CASE WHEN sum(lots) <> 0 THEN max(open_life) END
  FROM told GROUP BY market_id, user_id HAVING bool_or(has_moved)
 ORDER BY market_id, user_id
"""  # noqa: S608


class PositionAtSeal(NamedTuple):
    market_id: str
    user_id: int
    lots: int
    realized_pnl_units: int
    life_count: int
    life: dict[str, Any] | None


class StretchContents(NamedTuple):
    """Of a stretch alone: counts, fees, and ``blocks`` (hash by market and number; entries stand
    under no market). Up to its end: ``totals`` of the accounts that moved, and positions that did.
    """

    entry_count: int
    posting_count: int
    fill_count: int
    order_count: int
    fee_units: int
    blocks: Mapping[str, Mapping[str, str]]
    totals: Mapping[int, int]
    positions: list[PositionAtSeal]


def contents_of(scope: ProofScope) -> StretchContents:
    """Raises DatabaseError."""
    blocks: dict[str, dict[str, str]] = {}
    for market_id, block, digest in (*_ask(scope, _ENTRY_BLOCKS), *_ask(scope, _FILL_BLOCKS)):
        blocks.setdefault(market_id, {})[str(block)] = digest
    positions = [
        PositionAtSeal(
            market_id, user_id, lots, pnl, lives, None if life is None else json.loads(life)
        )
        for market_id, user_id, lots, pnl, lives, life in _ask(scope, _POSITIONS)
    ]
    ((entries, postings, fills, orders, fee_units),) = _ask(scope, _COUNTS)
    totals = dict(_ask(scope, _TOTALS))
    return StretchContents(
        entries, postings, fills, orders, int(fee_units), blocks, totals, positions
    )


def _ask(scope: ProofScope, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(scope.prelude + sql, {**scope.values, "market": None})
        return list(cursor.fetchall())


def digest_of(
    seal: JournalSeal, markets: Mapping[str, tuple[int, int]], contents: StretchContents
) -> str:
    """Over the seal before, where this one ends, and what is in it."""
    told = [
        seal.pk,
        seal.previous_sha256,
        seal.last_entry_id,
        seal.last_order_id,
        seal.last_life_id,
        seal.last_mark_id,
        seal.entry_count,
        seal.posting_count,
        seal.fill_count,
        seal.order_count,
        int(seal.fee_units),
        sorted((market_id, *ends) for market_id, ends in markets.items()),
        contents.blocks,
        sorted(contents.totals.items()),
        contents.positions,
    ]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
