"""What the journal says of anything, as tables on its page in the admin."""

from django.db.models import QuerySet
from django.utils.html import format_html_join

from accounts.models import User
from exchange_site.admin_base import (
    NOTHING,
    TABLE_ROWS_MAX,
    Cell,
    Table,
    gain_or_loss,
    link,
    list_link,
    money,
    table_of,
    user_link,
    when,
    words,
)
from ledger.models import (
    Account,
    EntryKind,
    JournalEntry,
    Posting,
    Wallet,
)
from trading.models import Fill, FundingSettlement, Liquidation, Market, Order, Settlement

POSTINGS_SHOWN = 50


def owner_cell(account: Account) -> Cell:
    if account.user_id:
        return user_link(account.user)
    return link(Market, account.market_id) if account.market_id else "exchange"


def account_cell(account: Account) -> Cell:
    return words(link(Account, account.pk, account.kind), "of", owner_cell(account))


def entries_table(title: str, entries: QuerySet[JournalEntry], note: Cell = "") -> Table:
    """Entries with all their postings; three queries, however many there are."""
    rows = entries.prefetch_related("postings__account__user")[:TABLE_ROWS_MAX]
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


def _entries_without_postings(title: str, entries: QuerySet[JournalEntry]) -> Table:
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


def postings_table(title: str, postings: QuerySet[Posting], more: str) -> Table:
    rows = postings.select_related("entry", "account__user")[:POSTINGS_SHOWN]
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
                link(Order, posting.entry.order_id),
                when(posting.entry.created_at),
            )
            for posting in rows
        ],
        empty="No postings.",
        note=list_link(Posting, more, "All of them"),
    )


@table_of(Order)
def journal_of_order(order: Order) -> Table:
    return entries_table(
        "Holds and postings", JournalEntry.objects.filter(order_id=order.pk).order_by("id")
    )


@table_of(Fill)
def journal_of_fill(fill: Fill) -> Table:
    entries = JournalEntry.objects.filter(
        market=fill.market_id,
        seq=fill.seq,
        trade_id=fill.trade_id,
        postings__account__user=fill.user_id,
    )
    return entries_table("Postings", entries.distinct())


@table_of(Liquidation)
def journal_of_liquidation(liquidation: Liquidation) -> Table:
    """Of the whole output entry: the other sides' too, and what its mark price did beside it."""
    market_id, seq = liquidation.market_id, liquidation.seq
    entries = JournalEntry.objects.filter(market=market_id, seq=seq).order_by("id")
    title = f"Postings of sequence {seq}"
    query = f"market__id__exact={market_id}&seq={seq}"
    return entries_table(title, entries, list_link(JournalEntry, query, "All of them"))


@table_of(FundingSettlement)
def journal_of_funding(settlement: FundingSettlement) -> Table:
    entries = JournalEntry.objects.filter(
        market=settlement.market_id, seq=settlement.seq, kind=EntryKind.FUNDING
    )
    return _entries_without_postings("Journal", entries)


@table_of(Settlement)
def journal_of_settlement(settlement: Settlement) -> Table:
    entries = JournalEntry.objects.filter(
        market=settlement.market_id,
        seq=settlement.seq,
        kind=EntryKind.SETTLEMENT,
        postings__account__user=settlement.user_id,
    )
    return entries_table("Postings", entries.distinct())


@table_of(User)
def accounts_of_user(user: User) -> Table:
    wallet = Wallet.objects.filter(user=user).first()
    balances = {}
    if wallet is not None:
        balances = {"available": wallet.available_units, "held": wallet.held_units}
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
