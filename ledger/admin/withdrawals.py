"""Withdrawals as records: what was asked, each step, and what was handed to custody. They are
decided on a page of the console."""

from collections.abc import Iterable, Mapping

from django.contrib import admin
from django.db.models import Q

from accounts.display import user_column, user_link
from accounts.models import User
from common.admin import NOTHING, when
from common.admin.base import Cell, RecordAdmin, Table, badge, link, shown, table_of, time_column
from common.admin.outgoing import OutgoingAdmin
from ledger.models import JournalEntry, Payout, Withdrawal, WithdrawalState
from ledger.models.withdrawal_states import ENDS
from ledger.tables import entries_table
from markets.columns import money_column
from markets.display import money

_SHOWN = 20
_TONES = {
    WithdrawalState.HELD: "bad",
    WithdrawalState.WAITING: "warn",
    WithdrawalState.CONFIRMED: "ok",
    WithdrawalState.FAILED: "bad",
}


def state_badge(row: Withdrawal) -> Cell:
    return badge(row.state, _TONES.get(WithdrawalState(row.state), "plain"))


@admin.register(Withdrawal)
class WithdrawalAdmin(RecordAdmin):
    is_personal = True
    list_display = ("id", "user_name", "amount", "network", "state_word", "requested", "flag_words")
    list_select_related = ("user", "first_by", "second_by", "refused_by")
    list_filter = ("state",)
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Withdrawal id, or the beginning of a username."
    fieldsets = (
        (None, {"fields": (("user_name", "amount"), ("network", "address"), "state_word")}),
        ("Asked", {"fields": (("requested", "asked_from"), "flag_words")}),
        ("Decided", {"fields": ("needed", ("first", "second"), "refuser")}),
        ("Custody", {"fields": ("send_id", ("reference", "confirmations"))}),
    )

    user_name = user_column()
    amount = money_column("amount_units", "amount")
    state_word = shown("state", state_badge)
    requested = time_column("requested_at", "asked")
    flag_words = shown("flags", lambda row: "; ".join(row.flags) or NOTHING)
    first = user_column("approved by", "first_by")
    second = user_column("and by", "second_by")
    refuser = user_column("refused by", "refused_by")

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Those that haven't ended have an index."""
        state = asked.get("state__exact", "")
        if state in set(WithdrawalState) - set(ENDS):
            return [Q(state__exact=state) & ~Q(state__in=ENDS)]
        return super().walks(asked)

    def tables(self, obj: Withdrawal) -> Iterable[Table]:
        yield Table(
            "Steps",
            Withdrawal,
            ("time", "step", "by", "why", "journal"),
            [
                (
                    when(step.stepped_at),
                    f"{step.before or 'asked'} → {step.after}",
                    user_link(step.operator) if step.operator else step.by,
                    step.words or NOTHING,
                    link(JournalEntry, step.entry_id),
                )
                for step in obj.steps.select_related("operator")
            ],
        )
        entries = JournalEntry.objects.filter(pk__in=[obj.hold_entry_id, obj.end_entry_id])
        yield entries_table("Postings", entries)


@admin.register(Payout)
class PayoutAdmin(OutgoingAdmin):
    again = "ledger.send_payout_again"
    list_display = ("id", "made", "withdrawal_link", "state_badge", "tries", "due", "why")
    search_ids = ("id",)
    search_texts = ("key",)
    search_help_text = "Number, or the withdrawal's name at custody."
    fieldsets = (
        (None, {"fields": (("made", "key"), "withdrawal_link")}),
        ("Handing over", {"fields": (("state_badge", "tries"), ("due", "ended"), "why")}),
    )

    withdrawal_link = shown("withdrawal", lambda row: link(Withdrawal, row.withdrawal_id))


@table_of(User)
def withdrawals_of_user(user: User) -> Table:
    rows = Withdrawal.objects.filter(user=user).order_by("-pk")[:_SHOWN]
    return Table(
        "Withdrawals",
        Withdrawal,
        ("withdrawal", "amount", "to", "state", "asked"),
        [
            (
                link(Withdrawal, row.pk),
                money(row.amount_units),
                f"{row.address[:16]}… on {row.network}",
                state_badge(row),
                when(row.requested_at),
            )
            for row in rows
        ],
    )
