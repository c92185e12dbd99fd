"""How a wallet came to what it holds: sums of what moved on its user's accounts, by why."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from common.admin import NOTHING, when
from common.admin.base import Cell, Table, list_link, table_of, words
from common.postgres import keysets
from ledger.archive.picking import may_have
from ledger.archive.shadow import newest_shown
from ledger.models import (
    USER_ACCOUNT_KINDS,
    Account,
    AccountKind,
    EntryKind,
    LineKind,
    Posting,
    Wallet,
)
from markets.display import gain_or_loss

NAMES = {
    EntryKind.DEPOSIT: "deposits",
    EntryKind.ADJUSTMENT: "adjustments",
    EntryKind.TRANSFER: "transfers",
    EntryKind.REFERRAL: "referral shares",
    EntryKind.WITHDRAWAL: "withdrawals",
    LineKind.REALIZED_PNL: "realized profit and loss",
    LineKind.FEE: "trading fees",
    EntryKind.FUNDING: "funding",
    LineKind.LIQUIDATION_FEE: "liquidation fees",
    LineKind.INSURANCE_COVER: "losses that an insurance fund paid",
    LineKind.LOSS_SHARE: "share of losses of others",
    EntryKind.ORDER_HOLD: "held for orders",
    EntryKind.AMEND_HOLD: "held for amended orders",
    EntryKind.MARGIN_HOLD: "held for more margin",
    EntryKind.HOLD_RELEASE: "released by orders",
    EntryKind.FILL: "moved by fills",
    EntryKind.LIQUIDATION: "moved by liquidations",
    EntryKind.ADL: "moved by deleveraging",
    EntryKind.SETTLEMENT: "moved by settlement",
    EntryKind.MARGIN_ADDED: "margin added",
    EntryKind.MARGIN_REMOVED: "margin removed",
    EntryKind.WITHDRAWAL_HOLD: "held for withdrawals",
    EntryKind.WITHDRAWAL_BACK: "back from withdrawals",
}
# With what they hold, without a why. Account by account, and each entry by its key, as OFFSET says.
_BY_WHY = f"""
SELECT account.kind, COALESCE(posting.kind, entry.kind), sum(posting.amount_units),
       min(entry.created_at)
  FROM ledger_account account
 CROSS JOIN LATERAL (
        SELECT entry_id, kind, amount_units FROM ledger_posting
         WHERE account_id = account.id AND id >= %(oldest)s OFFSET 0) posting
 CROSS JOIN LATERAL (
        SELECT kind, created_at FROM ledger_journalentry
         WHERE id = posting.entry_id OFFSET 0) entry
 WHERE account.user_id = %(user)s
 GROUP BY 1, 2
 UNION ALL
SELECT '{AccountKind.AVAILABLE}', NULL, available_units, NULL
  FROM ledger_wallet WHERE user_id = %(user)s
 UNION ALL
SELECT '{AccountKind.HELD}', NULL, held_units, NULL FROM ledger_wallet WHERE user_id = %(user)s
 UNION ALL
SELECT '{AccountKind.MARGIN}', NULL, COALESCE(sum(margin_units), 0), NULL
  FROM trading_position WHERE user_id = %(user)s
"""  # noqa: S608  no outside text


Balances = dict[AccountKind, int]


class Explained(NamedTuple):
    """Of a user's accounts, by kind of account.

    before  what they held before the first posting that was looked at; nothing where that was all
    moved   by why, the sums of those postings
    now     what they hold: wallet and positions
    """

    since: datetime | None
    is_all: bool
    before: Balances
    moved: dict[str, Balances]
    now: Balances


def explain_wallet(user_id: int) -> Explained:
    """Of the newest `keysets.LOOK_BACK_ROWS` postings."""
    accounts = list(Account.objects.filter(user=user_id).values_list("pk", flat=True))
    oldest = _oldest_looked_at(accounts)
    if oldest is not None or not may_have(accounts):
        return _explained(user_id, oldest)
    with newest_shown(accounts, keysets.LOOK_BACK_ROWS):
        return _explained(user_id, _oldest_looked_at(accounts))


def _oldest_looked_at(accounts: Sequence[int]) -> int | None:
    runs = [Posting.objects.filter(account=account) for account in accounts]
    return keysets.key_after_in_runs(runs, keysets.LOOK_BACK_ROWS)


def _explained(user_id: int, oldest: int | None) -> Explained:
    with connection.cursor() as cursor:
        cursor.execute(_BY_WHY, {"user": user_id, "oldest": oldest or 0})
        rows = cursor.fetchall()
    now = {AccountKind(kind): int(units) for kind, why, units, _ in rows if why is None}
    moved: dict[str, Balances] = {}
    before = dict(now)
    for kind, why, units, _ in rows:
        if why is not None:
            moved.setdefault(why, {})[AccountKind(kind)] = int(units)
            before[AccountKind(kind)] -= int(units)
    since = min((first_at for *_, first_at in rows if first_at), default=None)
    return Explained(since, oldest is None, before, moved, now)


@table_of(Wallet)
def how_it_came_to_this(wallet: Wallet) -> Table:
    explained = explain_wallet(wallet.user_id)
    rows = []
    if any(explained.before.values()):
        name = "without a posting" if explained.is_all else f"before {when(explained.since)}"
        rows.append(_row(name, explained.before))
    rows += [_row(NAMES[why], explained.moved[why]) for why in NAMES if why in explained.moved]
    note: Cell = "Sums of all its postings."
    if not explained.is_all:
        looked_at = f"the newest {keysets.LOOK_BACK_ROWS:,} postings"
        note = f"Sums of {looked_at}, which begin {when(explained.since)}."
    query = f"q={wallet.user.get_username()}"
    return Table(
        "How it came to this",
        Posting,
        ("why", *USER_ACCOUNT_KINDS, "together"),
        rows,
        empty="Nothing ever moved.",
        foot=_row("now", explained.now),
        note=words(note, list_link(Posting, query, "Its postings")),
    )


def _row(name: str, held: Balances) -> list[Cell]:
    amounts = [held.get(kind, 0) for kind in USER_ACCOUNT_KINDS]
    return [name, *(_amount(units) for units in (*amounts, sum(amounts)))]


def _amount(units: int) -> Cell:
    return gain_or_loss(units) if units else NOTHING
