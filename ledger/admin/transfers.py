"""Transfers between accounts."""

from django.contrib import admin

from accounts.display import user_column
from common.admin.base import RecordAdmin, link, shown, time_column
from ledger.models import JournalEntry
from ledger.transfers.models import Transfer
from markets.columns import money_column


@admin.register(Transfer)
class TransferAdmin(RecordAdmin):
    list_display = ("id", "from_name", "to_name", "amount", "transferred")
    list_select_related = ("from_user", "to_user", "sender", "receiver")
    walked_by = ("sender__id__exact", "receiver__id__exact")
    search_ids = ("id", "from_user", "to_user")
    search_users = ("sender", "receiver")
    search_help_text = "Transfer id, account id, or the beginning of a main account's username."
    fieldsets = (
        (None, {"fields": (("from_name", "to_name"), ("amount", "transferred"), "entry_link")}),
        ("Asked for by", {"fields": (("sender_name", "receiver_name"), "idempotency_key")}),
    )

    from_name = user_column("from", "from_user")
    to_name = user_column("to", "to_user")
    sender_name = user_column("sender", "sender")
    receiver_name = user_column("receiver", "receiver")
    amount = money_column("amount_units", "amount")
    transferred = time_column("transferred_at", "at")
    entry_link = shown("journal entry", lambda row: link(JournalEntry, row.entry_id))
