"""What a run of the checks reads: everything, what lies behind a seal, or one sealed stretch.

The checks are written once, over relations that a scope defines in front of them:

entries          of the journal, and ``postings`` of those
fill_lines       lines of entries an engine caused: of which trade and order, on which account
engine_entries   market and sequence of those entries
fills            and ``settlements`` and ``payments`` of funding, by market and sequence
checked_orders   orders that are not proven for good
new_names        client order ids of orders that are new
order_fills      what all fills of those orders were, and ``order_held`` all that was held for them
account_totals   what all postings of each account sum up to, up to the end of the scope
position_bases   where positions stood at the beginning of the scope
found_lives      lives of positions that can have changed since then
found_marks      kept balances that were made since, each with the one before it that is proven, and
                 of everything what accounts had at the end of their newest file
cuts             where each market begins and ends in the scope, and between which ids its fills are
proven           counts and sums of what is before the scope

Of everything they are the tables themselves. Behind a seal each is read by an index from where it
begins: ``LATERAL … OFFSET 0`` keeps Postgres from any other way, since it can't know how few rows
there are. What is summed up is put together by a sum of parts or a full join, which Postgres does
by hashes or in order: a plain join it may do by going through one side for each row of the other.
So what a run costs depends on what is new and not on its guesses.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.archive.models import DETACHED
from matching.messages.limits import MAX_ID
from persistence.sealing.models import JournalSeal

_NO_BASES = """
    SELECT NULL::text AS market_id, NULL::bigint AS user_id, 0::bigint AS lots,
           0::bigint AS realized_pnl_units, 0::bigint AS life_count, NULL::bigint AS life_row_id,
           NULL::jsonb AS life
     WHERE false
"""

_OF_EVERYTHING: Mapping[str, str] = {
    "cuts": f"""
    SELECT id AS market_id, 0::bigint AS seq, 0::bigint AS trade_id, {MAX_ID}::bigint AS last_seq,
           {MAX_ID}::bigint AS last_trade_id
      FROM markets_market
""",  # noqa: S608  a number of ours
    "entries": "SELECT * FROM ledger_journalentry",
    "postings": "SELECT * FROM ledger_posting",
    "fill_lines": """
    SELECT e.market_id, e.order_id, e.trade_id, e.kind, p.account_id, p.amount_units
      FROM ledger_journalentry e JOIN ledger_posting p ON p.entry_id = e.id
     WHERE e.seq IS NOT NULL
""",
    "engine_entries": "SELECT market_id, seq FROM ledger_journalentry WHERE seq IS NOT NULL",
    "fills": "SELECT * FROM trading_fill",
    "settlements": "SELECT * FROM trading_settlement",
    "payments": """
    SELECT s.market_id, s.seq, s.settled_at, p.user_id, p.amount_units, p.from_profit_units
      FROM trading_fundingsettlement s JOIN trading_fundingpayment p ON p.settlement_id = s.id
""",
    "checked_orders": "SELECT * FROM trading_order",
    "order_fills": """
    SELECT order_id, market_id, size_lots AS lots, size_lots::numeric * price_ticks AS tick_lots
      FROM trading_fill WHERE order_id IS NOT NULL
""",
    "order_held": """
    SELECT e.order_id, e.market_id, p.amount_units
      FROM ledger_journalentry e
      JOIN ledger_posting p ON p.entry_id = e.id
      JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'held'
     WHERE e.order_id IS NOT NULL
""",
    "account_totals": """
    SELECT a.id, a.kind, a.user_id, a.market_id, sum(p.amount_units) AS units
      FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id
     GROUP BY a.id
""",
    "position_bases": _NO_BASES,
    "found_lives": "SELECT * FROM trading_positionlife",
    "archived_totals": f"""
    SELECT DISTINCT ON (told.account_id) told.account_id, file.end_id - 1 AS posting_id,
           told.total_units
      FROM ledger_archivedaccount told JOIN ledger_archivefile file ON file.id = told.file_id
     WHERE file.id IN ({DETACHED}) ORDER BY told.account_id, file.end_id DESC
""",  # noqa: S608  a word of ours
    "found_marks": """
    (SELECT DISTINCT ON (account_id) account_id, posting_id, total_units,
            0::bigint AS after_posting_id, 0::bigint AS after_units
       FROM ledger_balancemark ORDER BY account_id, posting_id DESC)
     UNION ALL
    SELECT account_id, posting_id, total_units, 0, 0 FROM archived_totals
""",
    "proven": """
    SELECT 0::bigint AS after_entry, 0::bigint AS postings, 0::bigint AS fills,
           0::bigint AS orders, 0::numeric AS fee_units
""",
    "new_orders": "SELECT id FROM trading_order",
    "new_names": "SELECT * FROM trading_ordername",
}

_OF_STRETCH: Mapping[str, str] = {
    "files": DETACHED,
    "cuts": f"""
    SELECT m.id AS market_id, COALESCE(first.seq, 0) AS seq,
           COALESCE(first.trade_id, 0) AS trade_id, COALESCE(last.seq, {MAX_ID}) AS last_seq,
           COALESCE(last.trade_id, {MAX_ID}) AS last_trade_id,
           COALESCE(sealed.id, stretch.first_fill_id, 0) AS first_fill_id,
           COALESCE((SELECT first_fill_id FROM trading_tradestretch
                      WHERE market_id = m.id AND first_trade_id > last.trade_id
                      ORDER BY first_trade_id LIMIT 1), {MAX_ID}) AS end_fill_id
      FROM markets_market m
      LEFT JOIN persistence_sealedmarket first
        ON first.market_id = m.id AND first.seal_id = %(seal)s
      LEFT JOIN unnest(%(last_markets)s::text[], %(last_seqs)s::bigint[],
                       %(last_trades)s::bigint[]) AS last(market_id, seq, trade_id)
        ON last.market_id = m.id
      LEFT JOIN LATERAL (SELECT first_fill_id FROM trading_tradestretch
                          WHERE market_id = m.id AND first_trade_id <= COALESCE(first.trade_id, 0)
                          ORDER BY first_trade_id DESC LIMIT 1) stretch ON true
      LEFT JOIN LATERAL (SELECT id FROM trading_fill
                          WHERE market_id = m.id AND trade_id = first.trade_id
                            AND id >= COALESCE(stretch.first_fill_id, 0) LIMIT 1) sealed ON true
""",  # noqa: S608  a number of ours
    "entries": """
    SELECT * FROM ledger_journalentry WHERE id > %(after_entry)s AND id <= %(last_entry)s
""",
    "postings": """
    SELECT * FROM ledger_posting WHERE entry_id > %(after_entry)s AND entry_id <= %(last_entry)s
""",
    "fill_lines": """
    SELECT e.market_id, e.order_id, e.trade_id, e.kind, p.account_id, p.amount_units
      FROM cuts c
     CROSS JOIN LATERAL (SELECT * FROM ledger_journalentry
                          WHERE market_id = c.market_id AND seq > c.seq AND seq <= c.last_seq
                         OFFSET 0) e
     CROSS JOIN LATERAL (SELECT * FROM ledger_posting WHERE entry_id = e.id OFFSET 0) p
""",
    "engine_entries": """
    SELECT e.market_id, e.seq FROM cuts c
     CROSS JOIN LATERAL (SELECT market_id, seq FROM ledger_journalentry
                          WHERE market_id = c.market_id AND seq > c.seq AND seq <= c.last_seq
                         OFFSET 0) e
""",
    "fills": """
    SELECT f.* FROM cuts c
     CROSS JOIN LATERAL (SELECT * FROM trading_fill
                          WHERE market_id = c.market_id AND trade_id > c.trade_id
                            AND trade_id <= c.last_trade_id
                            AND id >= c.first_fill_id AND id < c.end_fill_id OFFSET 0) f
""",
    "settlements": """
    SELECT s.* FROM trading_settlement s JOIN cuts c ON c.market_id = s.market_id
     WHERE s.seq > c.seq AND s.seq <= c.last_seq
""",
    "payments": """
    SELECT s.market_id, s.seq, s.settled_at, p.user_id, p.amount_units, p.from_profit_units
      FROM cuts c
     CROSS JOIN LATERAL (SELECT * FROM trading_fundingsettlement
                          WHERE market_id = c.market_id AND seq > c.seq AND seq <= c.last_seq
                         OFFSET 0) s
     CROSS JOIN LATERAL (SELECT * FROM trading_fundingpayment WHERE settlement_id = s.id
                         OFFSET 0) p
""",
    "touched_orders": """
    SELECT order_id AS id FROM persistence_carriedorder
     UNION SELECT id FROM trading_order WHERE id > %(after_order)s AND id <= %(last_order)s
     UNION SELECT order_id FROM entries WHERE order_id IS NOT NULL
     UNION SELECT order_id FROM fills WHERE order_id IS NOT NULL
""",
    "checked_orders": """
    SELECT o.* FROM touched_orders t
     CROSS JOIN LATERAL (SELECT * FROM trading_order WHERE id = t.id OFFSET 0) o
""",
    "order_fills": """
    SELECT f.order_id, f.market_id, f.size_lots AS lots,
           f.size_lots::numeric * f.price_ticks AS tick_lots
      FROM touched_orders t
     CROSS JOIN LATERAL (SELECT * FROM trading_fill WHERE order_id = t.id OFFSET 0) f
     UNION ALL
    SELECT a.order_id, a.market_id, a.lots, a.tick_lots FROM touched_orders t
     CROSS JOIN LATERAL (SELECT * FROM trading_archivedorder WHERE order_id = t.id OFFSET 0) a
     WHERE a.file_id IN (SELECT id FROM files)
""",
    "order_held": """
    SELECT e.order_id, e.market_id, p.amount_units FROM touched_orders t
     CROSS JOIN LATERAL (SELECT * FROM ledger_journalentry WHERE order_id = t.id OFFSET 0) e
     CROSS JOIN LATERAL (SELECT * FROM ledger_posting WHERE entry_id = e.id OFFSET 0) p
      JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'held'
     UNION ALL
    SELECT h.order_id, h.market_id, h.amount_units FROM touched_orders t
     CROSS JOIN LATERAL (SELECT * FROM ledger_archivedhold WHERE order_id = t.id OFFSET 0) h
     WHERE h.file_id IN (SELECT id FROM files)
""",
    "account_totals": """
    SELECT id, kind, user_id, market_id, sum(units) AS units
      FROM (SELECT a.id, a.kind, a.user_id, a.market_id, before.total_units AS units
              FROM ledger_account a
             CROSS JOIN LATERAL (SELECT total_units FROM persistence_sealedtotal
                                  WHERE account_id = a.id AND seal_id <= %(seal)s
                                  ORDER BY seal_id DESC LIMIT 1) before
             UNION ALL
            SELECT a.id, a.kind, a.user_id, a.market_id, since.units
              FROM (SELECT account_id, sum(amount_units) AS units FROM postings
                     GROUP BY account_id) since
             CROSS JOIN LATERAL (SELECT * FROM ledger_account WHERE id = since.account_id
                                 OFFSET 0) a) AS parts
     GROUP BY id, kind, user_id, market_id
""",
    "position_bases": """
    SELECT p.market_id, p.user_id, base.lots, base.realized_pnl_units, base.life_count,
           base.life_row_id, base.life
      FROM trading_position p
     CROSS JOIN LATERAL (SELECT * FROM persistence_sealedposition s
                          WHERE s.user_id = p.user_id AND s.market_id = p.market_id
                            AND s.seal_id <= %(seal)s
                          ORDER BY s.seal_id DESC LIMIT 1) base
""",
    "found_lives": """
    SELECT l.* FROM trading_positionlife l JOIN cuts c ON c.market_id = l.market_id
     WHERE l.id > %(after_life)s AND l.opened_seq > c.seq
     UNION ALL
    SELECT l.* FROM position_bases b
     CROSS JOIN LATERAL (SELECT * FROM trading_positionlife WHERE id = b.life_row_id OFFSET 0) l
""",
    "found_marks": """
    SELECT newest.account_id, newest.posting_id, newest.total_units,
           COALESCE(greatest(proven.posting_id, archived.posting_id), 0) AS after_posting_id,
           COALESCE(CASE WHEN archived.posting_id > COALESCE(proven.posting_id, 0)
                         THEN archived.total_units ELSE proven.total_units END, 0) AS after_units
      FROM (SELECT DISTINCT ON (account_id) * FROM ledger_balancemark WHERE id > %(after_mark)s
             ORDER BY account_id, posting_id DESC) newest
      LEFT JOIN LATERAL (SELECT * FROM ledger_balancemark
                          WHERE account_id = newest.account_id AND id <= %(after_mark)s
                            AND posting_id < newest.posting_id
                          ORDER BY posting_id DESC LIMIT 1) proven ON true
      LEFT JOIN LATERAL (SELECT file.end_id - 1 AS posting_id, told.total_units
                           FROM ledger_archivedaccount told
                           JOIN ledger_archivefile file ON file.id = told.file_id
                          WHERE told.account_id = newest.account_id
                            AND file.end_id - 1 <= newest.posting_id
                            AND file.id IN (SELECT id FROM files)
                          ORDER BY file.end_id DESC LIMIT 1) archived ON true
""",
    "proven": """
    SELECT COALESCE(max(last_entry_id), 0) AS after_entry,
           COALESCE(max(posting_count), 0) AS postings, COALESCE(max(fill_count), 0) AS fills,
           COALESCE(max(order_count), 0) AS orders, COALESCE(max(fee_units), 0) AS fee_units
      FROM (SELECT * FROM persistence_journalseal WHERE id = %(seal)s) AS newest
""",
    "new_orders": """
    SELECT id FROM trading_order WHERE id > %(after_order)s AND id <= %(last_order)s
""",
    "new_names": """
    SELECT * FROM trading_ordername WHERE order_id > %(after_order)s AND order_id <= %(last_order)s
""",
}


class ProofScope(NamedTuple):
    """``prelude`` defines the relations, ``values`` are its parameters."""

    prelude: str
    values: Mapping[str, Any]


class StretchEnd(NamedTuple):
    """Where a stretch ends; by market the last sequence and trade."""

    entry_id: int
    order_id: int
    markets: Mapping[str, tuple[int, int]]


OPEN_END = StretchEnd(MAX_ID, MAX_ID, {})


# Worked out once for a statement, however often it names them.
_KEPT = ("cuts", "touched_orders")


def _prelude(parts: Mapping[str, str]) -> str:
    return "WITH " + ", ".join(
        f"{name} AS {'' if name in _KEPT else 'NOT '}MATERIALIZED ({sql})"
        for name, sql in parts.items()
    )


EVERYTHING = ProofScope(_prelude(_OF_EVERYTHING), {})
_PRELUDE_OF_STRETCH = _prelude(_OF_STRETCH)


def behind(seal: JournalSeal | None, end: StretchEnd = OPEN_END) -> ProofScope:
    """What lies behind a seal, or behind nothing, up to an end."""
    values = {
        "seal": seal.pk if seal else 0,
        "after_entry": seal.last_entry_id if seal else 0,
        "after_order": seal.last_order_id if seal else 0,
        "after_life": seal.last_life_id if seal else 0,
        "after_mark": seal.last_mark_id if seal else 0,
        "last_entry": end.entry_id,
        "last_order": end.order_id,
        "last_markets": list(end.markets),
        "last_seqs": [seq for seq, _ in end.markets.values()],
        "last_trades": [trade_id for _, trade_id in end.markets.values()],
    }
    return ProofScope(_PRELUDE_OF_STRETCH, values)


def newest_seal() -> JournalSeal | None:
    return JournalSeal.objects.order_by("-pk").first()
