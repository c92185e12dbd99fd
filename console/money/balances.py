"""The trial balance: what each kind of account holds at a moment. One statement, so one instant of
the database.

Signs are the journal's: what came in stands below zero on `deposits`, and all accounts together
hold zero.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from console.money.moments import milliseconds
from ledger.models import FLOW_INTERVALS_MS, USER_ACCOUNT_KINDS, Account, AccountKind
from matching.messages.limits import MAX_TIME_MS

# Of what the journal is asked for a past moment.
ENTRIES_MAX = 30_000
POSTINGS_MAX = 60_000

MINUTE_MS, HOUR_MS = FLOW_INTERVALS_MS
BACKWARDS_KINDS = (
    AccountKind.AVAILABLE,
    AccountKind.HELD,
    AccountKind.MARGIN,
    AccountKind.CLEARING,
)
FLOW_KINDS = tuple(kind for kind in AccountKind if kind not in BACKWARDS_KINDS)

# By kind and market, the market of accounts of a market alone. The journal is asked for entries by
# their time, and each one's postings by its key: OFFSET keeps Postgres from reading all of either.
_BALANCES = f"""
WITH since AS MATERIALIZED (
    SELECT id FROM ledger_journalentry
     WHERE %(at)s::timestamptz IS NOT NULL AND created_at >= %(at)s::timestamptz
     LIMIT %(entries_max)s + 1
), moved AS MATERIALIZED (
    SELECT posting.account_id, posting.amount_units
      FROM since CROSS JOIN LATERAL (
            SELECT account_id, amount_units FROM ledger_posting
             WHERE entry_id = since.id OFFSET 0) posting
     LIMIT %(postings_max)s + 1
), of_accounts AS (
    SELECT account_id, sum(amount_units) AS units FROM moved GROUP BY account_id
), flows AS (
    SELECT account_kind, market_id, amount_units FROM ledger_accountflow
     WHERE interval_ms = {HOUR_MS} AND start_ms < %(hour_ms)s
     UNION ALL
    SELECT account_kind, market_id, amount_units FROM ledger_accountflow
     WHERE interval_ms = {MINUTE_MS} AND start_ms >= %(hour_ms)s AND start_ms < %(minute_ms)s
), held AS (
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
    SELECT account.kind, account.market_id, -of_accounts.units
      FROM of_accounts JOIN ledger_account account ON account.id = of_accounts.account_id
     WHERE account.user_id IS NOT NULL OR account.kind = '{AccountKind.CLEARING}'
     UNION ALL
    SELECT account_kind,
           CASE account_kind WHEN '{AccountKind.INSURANCE}' THEN market_id END, amount_units
      FROM flows
)
SELECT kind, market_id, COALESCE(sum(units), 0)::numeric,
       (SELECT count(*) FROM since), (SELECT count(*) FROM moved)
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
    """``at`` None: now. ``postings``: so many were undone to get there from now."""

    at: datetime | None
    postings: int
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
    """``at`` a whole minute, exclusive; None for now."""
    minute_ms = MAX_TIME_MS if at is None else milliseconds(at)
    values = {
        "at": at,
        "hour_ms": minute_ms // HOUR_MS * HOUR_MS if at else minute_ms,
        "minute_ms": minute_ms,
        "entries_max": ENTRIES_MAX,
        "postings_max": POSTINGS_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, values)
        rows = cursor.fetchall()
    entries, postings = rows[0][3:]
    reached = entries <= ENTRIES_MAX and postings <= POSTINGS_MAX
    found = {(kind, market): int(units) for kind, market, units, _, _ in rows}
    balances = [
        AccountBalance(kind, market, account, found.get((kind, market), 0) if known else None)
        for kind, market, account in _accounts()
        for known in [reached or kind in FLOW_KINDS]
    ]
    return TrialBalance(at, postings, balances)


def _accounts() -> list[tuple[AccountKind, str | None, int | None]]:
    """In the order of the kinds, then of the markets."""
    own = Account.objects.filter(user__isnull=True).values_list("kind", "market_id", "pk")
    found: list[tuple[AccountKind, str | None, int | None]] = [
        *((AccountKind(kind), market, pk) for kind, market, pk in own),
        *((kind, None, None) for kind in USER_ACCOUNT_KINDS),
    ]
    order = {kind: place for place, kind in enumerate(AccountKind)}
    return sorted(found, key=lambda account: (order[account[0]], account[1] or ""))
