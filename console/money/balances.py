"""The trial balance: what each kind of account holds at a moment. One statement, so one instant of
the database.

Signs are the journal's: what came in stands below zero on `deposits`, and all accounts together
hold zero.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from common.times import unix_ms
from ledger.archive.shadow import entries_shown
from ledger.balances.kinds import DAY_MS, HOUR_MS, MINUTE_MS
from ledger.models import USER_ACCOUNT_KINDS, Account, AccountKind, JournalEntry

# Of what the journal is asked for beside the sums: entries of a part of a minute, and what is yet
# to be summed up.
PART_ENTRIES_MAX = 100_000
UNSUMMED_ENTRIES_MAX = 250_000
BLOCK_ENTRIES = 256

SUMMED_KINDS = (
    AccountKind.AVAILABLE,
    AccountKind.HELD,
    AccountKind.MARGIN,
    AccountKind.CLEARING,
)
FLOW_KINDS = tuple(kind for kind in AccountKind if kind not in SUMMED_KINDS)

_MARKET_OF_FLOW = f"CASE account_kind WHEN '{AccountKind.INSURANCE}' THEN market_id END"

# By kind and market, the market of accounts of a market alone.
_NOW = f"""
WITH held AS (
    SELECT '{AccountKind.AVAILABLE}' AS kind, NULL AS market_id,
           sum(available_units) AS units FROM ledger_wallet
     UNION ALL
    SELECT '{AccountKind.HELD}', NULL, sum(held_units) FROM ledger_wallet
     UNION ALL
    SELECT '{AccountKind.MARGIN}', NULL, sum(margin_units) FROM trading_position
     UNION ALL
    SELECT '{AccountKind.CLEARING}', market_id, -sum(entry_cost_units)
      FROM trading_position GROUP BY market_id
     UNION ALL
    SELECT account_kind, {_MARKET_OF_FLOW}, amount_units
      FROM ledger_accountflow WHERE interval_ms = {HOUR_MS}
)
SELECT kind, market_id, COALESCE(sum(units), 0)::numeric FROM held GROUP BY kind, market_id
"""  # noqa: S608  no outside text

# Whole minutes are sums. Beside them stand entries of the part of a minute before the moment and,
# of kinds that are summed up a little later, what is not yet. Both they and their postings are read
# by blocks of ids: one look into each partition for many entries, and few rows of others. OFFSET
# keeps Postgres from looking into each partition for each entry.
_THEN = f"""
WITH summed AS MATERIALIZED (
    SELECT COALESCE((SELECT last_entry_id FROM ledger_kindflowend), 0) AS last_id
), part AS MATERIALIZED (
    SELECT id FROM ledger_journalentry
     WHERE created_at >= %(minute)s::timestamptz AND created_at < %(at)s::timestamptz
     LIMIT %(part_max)s + 1
), unsummed AS MATERIALIZED (
    SELECT id, created_at FROM ledger_journalentry
     WHERE id > (SELECT last_id FROM summed) ORDER BY id LIMIT %(unsummed_max)s + 1
), blocks AS MATERIALIZED (
    SELECT id / {BLOCK_ENTRIES} * {BLOCK_ENTRIES} AS first_id FROM part
     UNION
    SELECT id / {BLOCK_ENTRIES} * {BLOCK_ENTRIES} FROM unsummed
     WHERE created_at < %(minute)s::timestamptz
), moved AS MATERIALIZED (
    SELECT posted.account_id, posted.is_of_part, sum(posted.units) AS units
      FROM blocks CROSS JOIN LATERAL (
            SELECT posting.account_id, entry.created_at >= %(minute)s::timestamptz AS is_of_part,
                   sum(posting.amount_units) AS units
              FROM (SELECT entry_id, account_id, amount_units FROM ledger_posting
                     WHERE entry_id >= first_id AND entry_id < first_id + {BLOCK_ENTRIES}
                    OFFSET 0) posting
              JOIN (SELECT id, created_at FROM ledger_journalentry
                     WHERE id >= first_id AND id < first_id + {BLOCK_ENTRIES}
                    OFFSET 0) entry ON entry.id = posting.entry_id
             WHERE entry.created_at < %(at)s::timestamptz
               AND (entry.created_at >= %(minute)s::timestamptz
                    OR entry.id > (SELECT last_id FROM summed))
             GROUP BY 1, 2 OFFSET 0) posted
     GROUP BY 1, 2
), held AS (
    SELECT account_kind AS kind, {_MARKET_OF_FLOW} AS market_id, amount_units AS units
      FROM ledger_accountflow
     WHERE interval_ms = {HOUR_MS} AND start_ms < %(hour_ms)s
        OR interval_ms = {MINUTE_MS} AND start_ms >= %(hour_ms)s AND start_ms < %(minute_ms)s
     UNION ALL
    SELECT account_kind, market_id, amount_units FROM ledger_kindflow
     WHERE interval_ms = {DAY_MS} AND start_ms < %(day_ms)s
        OR interval_ms = {HOUR_MS} AND start_ms >= %(day_ms)s AND start_ms < %(hour_ms)s
        OR interval_ms = {MINUTE_MS} AND start_ms >= %(hour_ms)s AND start_ms < %(minute_ms)s
     UNION ALL
    SELECT account.kind, account.market_id, moved.units
      FROM moved JOIN ledger_account account ON account.id = moved.account_id
     WHERE is_of_part OR account.kind = ANY(%(summed_kinds)s)
     UNION ALL
    SELECT '{AccountKind.AVAILABLE}', NULL, 0
)
SELECT kind, market_id, COALESCE(sum(units), 0)::numeric,
       (SELECT count(*) FROM part), (SELECT count(*) FROM unsummed)
  FROM held GROUP BY kind, market_id
"""  # noqa: S608  no outside text


@dataclass(frozen=True)
class AccountBalance:
    """Of a kind of account, all users together, or of one account of the exchange, with its id.
    ``units`` None: not known at that moment."""

    kind: AccountKind
    market_id: str | None
    account_id: int | None
    units: int | None


@dataclass(frozen=True)
class TrialBalance:
    """``at`` None: now. ``part_entries``: so many of the minute it is in were added up;
    ``too_much`` says what there was too much of to know all balances, if anything."""

    at: datetime | None
    part_entries: int
    too_much: str
    balances: list[AccountBalance]

    @property
    def is_whole(self) -> bool:
        return all(balance.units is not None for balance in self.balances)

    @property
    def sum_units(self) -> int:
        """Zero, if the money is right and all of it is known."""
        return sum(balance.units or 0 for balance in self.balances)

    def units_of(self, *kinds: AccountKind) -> int:
        return sum(balance.units or 0 for balance in self.balances if balance.kind in kinds)


def trial_balance(at: datetime | None) -> TrialBalance:
    """``at`` exclusive, to the microsecond; None for now."""
    with entries_shown(_part_of_minute(at)), connection.cursor() as cursor:
        cursor.execute(_NOW if at is None else _THEN, {} if at is None else _values(at))
        rows = cursor.fetchall()
    found = {(kind, market): int(units) for kind, market, units, *_ in rows}
    part, unsummed = (0, 0) if at is None else rows[0][3:]
    is_part_known, is_summed = part <= PART_ENTRIES_MAX, unsummed <= UNSUMMED_ENTRIES_MAX
    balances = [
        AccountBalance(kind, market, account, found.get((kind, market), 0) if is_known else None)
        for kind, market, account in _accounts()
        for is_known in [is_part_known and (is_summed or kind in FLOW_KINDS)]
    ]
    too_much = "" if is_summed else "entries that no worker has summed up yet"
    too_much = too_much if is_part_known else "entries in that part of a minute"
    return TrialBalance(at, part, too_much, balances)


def _part_of_minute(at: datetime | None) -> list[int]:
    """Entries whose postings are added up, one by one. What is yet to be summed up by minutes is
    behind all files."""
    if at is None:
        return []
    minute = at.replace(second=0, microsecond=0)
    entries = JournalEntry.objects.filter(created_at__gte=minute, created_at__lt=at).order_by()
    return list(entries.values_list("pk", flat=True)[: PART_ENTRIES_MAX + 1])


def _values(at: datetime) -> dict[str, Any]:
    minute = at.replace(second=0, microsecond=0)
    minute_ms = unix_ms(minute)
    return {
        "at": at,
        "minute": minute,
        "minute_ms": minute_ms,
        "hour_ms": minute_ms // HOUR_MS * HOUR_MS,
        "day_ms": minute_ms // DAY_MS * DAY_MS,
        "part_max": PART_ENTRIES_MAX,
        "unsummed_max": UNSUMMED_ENTRIES_MAX,
        "summed_kinds": list(SUMMED_KINDS),
    }


def _accounts() -> list[tuple[AccountKind, str | None, int | None]]:
    """In the order of the kinds, then of the markets."""
    own = Account.objects.filter(user__isnull=True).values_list("kind", "market_id", "pk")
    found: list[tuple[AccountKind, str | None, int | None]] = [
        *((AccountKind(kind), market, pk) for kind, market, pk in own),
        *((kind, None, None) for kind in USER_ACCOUNT_KINDS),
    ]
    order = {kind: place for place, kind in enumerate(AccountKind)}
    return sorted(found, key=lambda account: (order[account[0]], account[1] or ""))
