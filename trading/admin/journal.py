"""What moved for an order, a fill, a closing or a settlement, on its page."""

from common.admin.base import Table, list_link, table_of
from ledger.models import EntryKind, JournalEntry
from ledger.tables import entries_table, entries_without_postings
from trading.models import Fill, FundingSettlement, Liquidation, Order, Settlement


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
    )
    return entries_table("Postings", entries, of_user=fill.user_id)


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
    return entries_without_postings("Journal", entries)


@table_of(Settlement)
def journal_of_settlement(settlement: Settlement) -> Table:
    entries = JournalEntry.objects.filter(
        market=settlement.market_id,
        seq=settlement.seq,
        kind=EntryKind.SETTLEMENT,
    )
    return entries_table("Postings", entries, of_user=settlement.user_id)
