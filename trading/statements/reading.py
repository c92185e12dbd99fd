"""What a statement is made of, page by page."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Sum

from ledger.archive.picking import files_of_accounts, of_accounts
from ledger.archive.shadow import Shadow
from ledger.balances.sums import balances_at, bounds_of
from ledger.models import USER_ACCOUNT_KINDS, Account, AccountKind, EntryKind, LineKind, Wallet
from matching.messages.limits import MAX_ID
from trading.models import Position

PAGE_ROWS = 2_000

# Of one account, by the index on it; each entry by its key, as OFFSET says. Arms with an account in
# each, since for one that isn't named Postgres would walk along the ids of all accounts.
_ARM = """
(SELECT id, entry_id, account_id, amount_units, kind FROM ledger_posting
  WHERE account_id = %s AND id > %s AND id <= %s ORDER BY id LIMIT %s)
"""
_PAGE = f"""
SELECT p.id, p.entry_id, p.account_id, p.amount_units, COALESCE(p.kind, e.kind), e.kind,
       e.market_id, e.order_id, e.trade_id, e.created_at
  FROM (SELECT page.* FROM ({" UNION ALL ".join([_ARM] * len(USER_ACCOUNT_KINDS))}) page
         ORDER BY page.id LIMIT %s) p
 CROSS JOIN LATERAL (
        SELECT kind, market_id, order_id, trade_id, created_at FROM ledger_journalentry
         WHERE id = p.entry_id OFFSET 0) e
 ORDER BY p.id
"""  # noqa: S608  words of ours


class AccountLine(NamedTuple):
    """A posting on one of the account's columns, and what that has after it."""

    posting_id: int
    entry_id: int
    account: AccountKind
    amount_units: int
    kind: str
    cause: str
    market_id: str | None
    order_id: int | None
    trade_id: int | None
    at: datetime
    balance_units: int


# What was gained or lost in a market, as lines call it.
_SUMMED = {
    LineKind.REALIZED_PNL: "realized_pnl_units",
    LineKind.FEE: "fee_units",
    LineKind.LIQUIDATION_FEE: "liquidation_fee_units",
    LineKind.INSURANCE_COVER: "insurance_units",
    LineKind.LOSS_SHARE: "insurance_units",
    EntryKind.FUNDING: "funding_units",
}


@dataclass
class MarketSums:
    """Signed as they moved the account: a fee is below zero."""

    realized_pnl_units: int = 0
    fee_units: int = 0
    liquidation_fee_units: int = 0
    insurance_units: int = 0
    funding_units: int = 0

    def add(self, line: AccountLine) -> None:
        name = _SUMMED.get(line.kind)  # type: ignore[call-overload]  # words are text
        if name is not None:
            setattr(self, name, getattr(self, name) + line.amount_units)


Balances = dict[AccountKind, int]


@dataclass
class Statement:
    """Of an account, from ``start`` on and before ``end``; ``end`` None: all that is there.

    `open` and `lines` are called in one transaction, which sees one moment; ``shown`` is there
    where files may have some of it. What comes after ``opening`` is known once `lines` was read to
    its end.
    """

    user_id: int
    start: datetime
    end: datetime | None
    opening: Balances = field(default_factory=dict)
    counted: Balances = field(default_factory=dict)
    closing: Balances = field(default_factory=dict)
    markets: dict[str, MarketSums] = field(default_factory=dict)
    line_count: int = 0
    shown: Shadow | None = None

    @property
    def difference(self) -> dict[str, int]:
        """What is missing of each column at the end; nothing of a statement that adds up."""
        return {
            kind.value: units - self.counted[kind]
            for kind, units in self.closing.items()
            if units != self.counted[kind]
        }

    def open(self) -> None:
        self.opening = self._balances_at(self.start)
        self.counted = dict(self.opening)

    def lines(self) -> Iterator[AccountLine]:
        columns = {pk: kind for kind, pk in accounts_of(self.user_id).items()}
        after = bounds_of(self.start).after
        last = MAX_ID if self.end is None else bounds_of(self.end).last
        for stretch_end in self._stretches(columns, after, last):
            while page := _read(columns, after, stretch_end):
                after = page[-1][0]
                for row in page:
                    if self._is_within(row[-1]):
                        yield self._count(columns[row[2]], row)
        self.closing = self._kept() if self.end is None else self._balances_at(self.end)

    def _stretches(self, account_ids: Collection[int], after: int, last: int) -> Iterator[int]:
        """Ids up to which postings can be read now. Of files, one after another is shown."""
        if self.shown is not None:
            for file in files_of_accounts(account_ids, after + 1, last):
                self.shown.show(of_accounts(file, account_ids, after + 1, last))
                yield min(file.end_id - 1, last)
            self.shown.clear()
        yield last

    def _is_within(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)

    def _count(self, column: AccountKind, row: tuple[Any, ...]) -> AccountLine:
        posting_id, entry_id, _, amount_units, *said = row
        self.counted[column] += amount_units
        line = AccountLine._make(
            (posting_id, entry_id, column, amount_units, *said, self.counted[column])
        )
        self.line_count += 1
        if line.market_id is not None:
            self.markets.setdefault(line.market_id, MarketSums()).add(line)
        return line

    def _balances_at(self, at: datetime) -> Balances:
        accounts = accounts_of(self.user_id)
        if self.shown is not None:
            self.shown.show_accounts(accounts.values(), *bounds_of(at))
        return dict(zip(accounts, balances_at(list(accounts.values()), at), strict=True))

    def _kept(self) -> Balances:
        """As rows other than the journal have it."""
        wallet = Wallet.objects.get(pk=self.user_id)
        margin = Position.objects.filter(user_id=self.user_id).aggregate(all=Sum("margin_units"))
        return {
            AccountKind.AVAILABLE: wallet.available_units,
            AccountKind.HELD: wallet.held_units,
            AccountKind.MARGIN: int(margin["all"] or 0),
        }


def accounts_of(user_id: int) -> dict[AccountKind, int]:
    """Ids of a user's three accounts in the journal."""
    found = dict(Account.objects.filter(user_id=user_id).values_list("kind", "pk"))
    return {kind: found[kind] for kind in USER_ACCOUNT_KINDS}


def _read(accounts: dict[int, AccountKind], after: int, last: int) -> list[tuple[Any, ...]]:
    arms = [value for account in accounts for value in (account, after, last, PAGE_ROWS)]
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, [*arms, PAGE_ROWS])
        return list(cursor.fetchall())
