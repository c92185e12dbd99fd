"""What the journal says, as tables on pages of the admin: of users and markets here, of whatever
else moved money by those who know it.
"""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.html import format_html_join

from accounts.display import user_link
from accounts.models import User
from common.admin import NOTHING, when
from common.admin.base import TABLE_ROWS_MAX, Cell, Table, link, list_link, table_of, words
from common.postgres.keysets import newest_keys
from ledger.archive.picking import may_have
from ledger.archive.shadow import entries_shown, newest_shown
from ledger.models import Account, AccountKind, JournalEntry, Posting, Wallet
from markets.display import gain_or_loss, money
from markets.models import Market

POSTINGS_SHOWN = 50
ORDER, FILL = "trading.Order", "trading.Fill"  # pages of a floor above, by name


def owner_cell(account: Account) -> Cell:
    if account.user_id:
        return user_link(account.user)
    return link(Market, account.market_id) if account.market_id else "exchange"


def account_cell(account: Account) -> Cell:
    return words(link(Account, account.pk, account.kind), "of", owner_cell(account))


def entries_table(
    title: str, entries: QuerySet[JournalEntry], note: Cell = "", of_user: int | None = None
) -> Table:
    """Entries with all their postings, wherever these are; of a user those that moved something of
    his. A few queries, however many there are."""
    looked_at = entries if of_user is not None else entries[:TABLE_ROWS_MAX]
    with entries_shown(list(looked_at.values_list("pk", flat=True))):
        if of_user is not None:
            entries = entries.filter(postings__account__user=of_user).distinct()
        rows = list(entries.prefetch_related("postings__account__user")[:TABLE_ROWS_MAX])
    return Table(
        title,
        JournalEntry,
        ("entry", "kind", "time", "sequence", "postings"),
        [
            (
                link(JournalEntry, entry.pk),
                entry.kind,
                when(entry.created_at),
                str(entry.seq or NOTHING),
                _lines(entry),
            )
            for entry in rows
        ],
        empty="No money moved.",
        note=note,
    )


def entries_without_postings(title: str, entries: QuerySet[JournalEntry]) -> Table:
    """Of entries that post to every trader of a market: their own pages list the postings."""
    return Table(
        title,
        JournalEntry,
        ("entry", "kind", "time", "sequence"),
        [
            (link(JournalEntry, entry.pk), entry.kind, when(entry.created_at), str(entry.seq))
            for entry in entries[:TABLE_ROWS_MAX]
        ],
        empty="No money moved.",
    )


def _lines(entry: JournalEntry) -> Cell:
    lines = sorted(entry.postings.all(), key=lambda posting: posting.pk)
    return format_html_join(
        "",
        '<div class="posting">{} {}</div>',
        ((gain_or_loss(line.amount_units), account_cell(line.account)) for line in lines),
    )


def newest_postings(account_ids: Sequence[int]) -> list[Posting]:
    """As many as a table shows; where Postgres has fewer, from files, too."""
    of_each = [Posting.objects.filter(account=account) for account in account_ids]

    def read() -> list[Posting]:
        newest = Posting.objects.filter(pk__in=newest_keys(of_each, POSTINGS_SHOWN))
        return list(newest.select_related("entry", "account__user"))

    found = read()
    if may_have(account_ids) and len(found) < POSTINGS_SHOWN:
        with newest_shown(account_ids, POSTINGS_SHOWN):
            return read()
    return found


def postings_table(title: str, rows: Sequence[Posting], more: str) -> Table:
    return Table(
        title,
        Posting,
        ("posting", "account", "amount", "entry", "order", "time"),
        [
            (
                link(Posting, posting.pk),
                account_cell(posting.account),
                gain_or_loss(posting.amount_units),
                link(JournalEntry, posting.entry_id, posting.entry),
                link(ORDER, posting.entry.order_id),
                when(posting.entry.created_at),
            )
            for posting in rows
        ],
        empty="No postings.",
        note=list_link(Posting, more, "All of them"),
    )


@table_of(User)
def accounts_of_user(user: User) -> Table:
    wallet = Wallet.objects.filter(user=user).first()
    balances: dict[str, int] = {}
    if wallet is not None:
        balances = {
            AccountKind.AVAILABLE: wallet.available_units,
            AccountKind.HELD: wallet.held_units,
        }
    accounts = Account.objects.filter(user=user).order_by("id")
    return Table(
        "Accounts",
        Account,
        ("account", "in the wallet"),
        [
            (
                link(Account, account.pk, account.kind),
                money(balances[account.kind]) if account.kind in balances else NOTHING,
            )
            for account in accounts
        ],
        note=link(Wallet, user.pk, "Wallet"),
    )


@table_of(Market)
def accounts_of_market(market: Market) -> Table:
    accounts = Account.objects.filter(market=market).order_by("id")
    return Table(
        "Accounts", Account, ("account",), [(link(Account, a.pk, a.kind),) for a in accounts]
    )
