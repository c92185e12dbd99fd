"""What custody told us, as records."""

from django.contrib import admin

from accounts.display import user_column
from accounts.models import User
from common.admin import NOTHING, when
from common.admin.base import Cell, RecordAdmin, Table, badge, link, shown, table_of, time_column
from common.admin.filters import words_filter
from custody.models import CaseKind, ChainDeposit, ChainDepositState, CustodyCase
from ledger.models import Deposit
from markets.columns import money_column
from markets.display import money

_SHOWN = 20
_TONES = {ChainDepositState.CREDITED: "ok", ChainDepositState.ORPHANED: "bad"}


def _state(row: ChainDeposit) -> Cell:
    return badge(row.state, _TONES.get(ChainDepositState(row.state), "warn"))


@admin.register(ChainDeposit)
class ChainDepositAdmin(RecordAdmin):
    list_display = ("id", "user_name", "amount", "network", "state_word", "confirmed", "seen")
    list_select_related = ("user",)
    list_filter = (words_filter("state", ChainDepositState),)
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Deposit id, or the beginning of a username."
    fieldsets = (
        (None, {"fields": (("user_name", "amount"), ("network", "reference"), "address")}),
        ("Chain", {"fields": (("state_word", "confirmed"), ("seen", "orphaned"), "problem")}),
        ("Money", {"fields": (("credited", "deposit_link"),)}),
    )

    user_name = user_column()
    amount = money_column("amount_units", "amount")
    state_word = shown("state", _state)
    confirmed = shown("confirmations", lambda row: f"{row.confirmations} of {row.needed}")
    seen = time_column("seen_at", "seen")
    credited = time_column("credited_at", "credited")
    orphaned = time_column("orphaned_at", "taken back after it was credited")
    deposit_link = shown("deposit", lambda row: link(Deposit, row.deposit_id))


@admin.register(CustodyCase)
class CustodyCaseAdmin(RecordAdmin):
    list_display = ("id", "opened", "network", "kind", "words", "resolved")
    list_filter = (words_filter("kind", CaseKind),)
    search_ids = ("id",)
    search_help_text = "Number of the case."
    fieldsets = (
        (None, {"fields": (("network", "kind"), "subject", "words", "said_words", "opened")}),
        ("End", {"fields": (("resolved", "resolver"), "resolution")}),
    )

    opened = time_column("opened_at", "opened")
    resolved = time_column("resolved_at", "resolved")
    resolver = user_column("by", "resolved_by")
    said_words = shown(
        "what custody said",
        lambda row: ", ".join(f"{name} {value}" for name, value in row.said.items()) or NOTHING,
    )


@table_of(User)
def chain_deposits_of_user(user: User) -> Table:
    rows = ChainDeposit.objects.filter(user=user).order_by("-pk")[:_SHOWN]
    return Table(
        "Deposits by custody",
        ChainDeposit,
        ("deposit", "amount", "network", "state", "seen"),
        [
            (
                link(ChainDeposit, row.pk),
                money(row.amount_units),
                row.network,
                _state(row),
                when(row.seen_at),
            )
            for row in rows
        ],
    )
