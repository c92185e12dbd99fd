"""What is done once a day about fees, and statements that didn't add up."""

from django.contrib import admin

from accounts.display import user_column
from accounts.referrals.models import Referral, ReferralCode
from common.admin.base import RecordAdmin, link, shown, time_column
from ledger.models import JournalEntry
from markets.columns import money_column, rate_column
from markets.conversions import units_text
from markets.display import money
from trading.fees.models import ReferralPayment, TierMove
from trading.statements.models import FaultyStatement


@admin.register(TierMove)
class TierMoveAdmin(RecordAdmin):
    list_display = ("id", "user_name", "day", "before", "after", "volume", "moved")
    list_select_related = ("user",)
    search_ids = ("id", "user")
    search_users = ("user",)
    search_help_text = "Id, user id, or the beginning of a username."
    fieldsets = (
        (None, {"fields": ("user_name", "day", ("before", "after"), ("volume", "moved"))}),
    )

    user_name = user_column()
    before = shown("from", lambda row: row.from_tier or "no tier")
    after = shown("to", lambda row: row.to_tier or "no tier")
    volume = shown("volume of 30 days", lambda row: money(int(row.volume_units)))
    moved = time_column("moved_at", "moved")


@admin.register(ReferralCode)
class ReferralCodeAdmin(RecordAdmin):
    list_display = ("id", "code", "user_name", "referred_count", "paid", "made")
    list_select_related = ("user",)
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_texts = ("code",)
    search_users = ("user",)
    search_help_text = "Id, code, or the beginning of its owner's username."
    fieldsets = ((None, {"fields": ("code", "user_name", ("referred_count", "paid"), "made")}),)

    user_name = user_column()
    paid = money_column("paid_units", "paid")
    made = time_column("made_at", "made")


@admin.register(Referral)
class ReferralAdmin(RecordAdmin):
    list_display = ("name", "referrer_name", "code_link", "signed_up")
    list_select_related = ("user", "referrer", "code")
    walked_by = ("referrer__id__exact",)
    search_ids = ("user",)
    search_users = ("user", "referrer")
    search_help_text = "User id, or the beginning of a username."
    ordering = ("-pk",)
    fieldsets = ((None, {"fields": ("user_name", "referrer_name", "code_link", "signed_up")}),)

    # The list links its first column to the record, so the name there is plain.
    name = shown("user", lambda row: row.user.get_username())
    user_name = user_column()
    referrer_name = user_column("brought by", "referrer")
    code_link = shown("code", lambda row: link(ReferralCode, row.code_id, row.code))
    signed_up = time_column("signed_up_at", "signed up")


@admin.register(ReferralPayment)
class ReferralPaymentAdmin(RecordAdmin):
    list_display = ("id", "day", "user_name", "referrer_name", "fees", "share", "amount", "paid")
    list_select_related = ("user", "referrer")
    walked_by = ("referrer__id__exact", "user__id__exact")
    search_ids = ("id",)
    search_users = ("user", "referrer")
    search_help_text = "Id, or the beginning of a username."
    fieldsets = (
        (None, {"fields": (("user_name", "referrer_name"), "day", ("fees", "share", "amount"))}),
        ("Paid", {"fields": (("paid", "entry_link"),)}),
    )

    user_name = user_column("trader", "user")
    referrer_name = user_column("to", "referrer")
    fees = money_column("fee_units", "fees of the day")
    share = rate_column("share_ppm", "share")
    amount = money_column("amount_units", "amount")
    paid = time_column("paid_at", "paid")
    entry_link = shown("journal entry", lambda row: link(JournalEntry, row.entry_id))


def _missing(row: FaultyStatement) -> str:
    return ", ".join(f"{kind} {units_text(units)}" for kind, units in row.difference.items())


@admin.register(FaultyStatement)
class FaultyStatementAdmin(RecordAdmin):
    """What a trader's statement lacked at its end. The reconciliation says where from."""

    list_display = ("id", "user_name", "begin", "finish", "missing", "found")
    list_select_related = ("user",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Id, or the beginning of a username."
    fieldsets = ((None, {"fields": ("user_name", ("begin", "finish"), "missing", "found")}),)

    user_name = user_column()
    begin = time_column("start", "from")
    finish = time_column("end", "to")
    missing = shown("missing at the end", _missing)
    found = time_column("found_at", "found")
