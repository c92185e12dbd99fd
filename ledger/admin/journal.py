"""The operator's view of money: wallets, accounts, and all that moved."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column
from accounts.staff.operators import operator_of
from common.admin import NOTHING, when
from common.admin.actions import ask_form_then_run
from common.admin.base import (
    Cell,
    RecordAdmin,
    Table,
    badge,
    link,
    list_link,
    list_way_of,
    shown,
    time_column,
    words,
)
from ledger.adjustments import AdjustmentCause, Due, propose_adjustments
from ledger.admin.adjustments import AdjustmentForm
from ledger.admin.archived import ArchivedRecordAdmin, where_older_are
from ledger.archive.rows import POSTINGS
from ledger.archive.shadow import entries_shown, posting_shown
from ledger.models import (
    GLOBAL_ACCOUNT_KINDS,
    MARKET_ACCOUNT_KINDS,
    Account,
    JournalEntry,
    Posting,
    Wallet,
)
from ledger.tables import (
    FILL,
    ORDER,
    account_cell,
    newest_postings,
    owner_cell,
    postings_table,
)
from markets.columns import market_column, money_column
from markets.display import gain_or_loss, money, signed_money

COMMON_ACCOUNT_KINDS = {*MARKET_ACCOUNT_KINDS, *GLOBAL_ACCOUNT_KINDS}


@admin.register(Wallet)
class WalletAdmin(RecordAdmin):
    list_display = ("user_name", "available", "held", "total")
    list_select_related = ("user",)
    search_ids = ("user",)
    search_users = ("user",)
    search_help_text = "User id, or the beginning of a username."
    actions = ("propose_adjustment",)
    fieldsets = ((None, {"fields": ("user_link", "available", "held", "total")}),)

    # The list links its first column to the wallet, so the name there is plain.
    user_name = shown("user", lambda wallet: wallet.user.get_username())
    user_link = user_column()
    available = money_column("available_units", "available")
    held = money_column("held_units", "held by orders")
    total = shown("total", lambda w: money(w.available_units + w.held_units))

    def tables(self, obj: Wallet) -> Iterable[Table]:
        accounts = Account.objects.filter(user=obj.user_id).values_list("pk", flat=True)
        newest = newest_postings(list(accounts))
        yield postings_table("Latest postings", newest, f"q={obj.user.get_username()}")

    def has_propose_adjustment_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ledger.propose_adjustment")

    @admin.action(description="Propose an adjustment", permissions=["propose_adjustment"])
    def propose_adjustment(
        self, request: HttpRequest, queryset: QuerySet[Wallet]
    ) -> TemplateResponse | None:
        return ask_form_then_run(
            self,
            request,
            queryset.select_related("user"),
            action="propose_adjustment",
            question="Propose an adjustment of this wallet?",
            consequence="Nothing moves before another operator approves it, under Approvals. The "
            "trader sees it in the account's statement. It is undone only by a counter-entry.",
            form_of=AdjustmentForm,
            service=lambda wallet, said: propose_adjustments(
                [Due(wallet.user, said["amount_units"])],
                AdjustmentCause(said["category"], said["reference"], said["reason"]),
                operator_of(request),
            ),
            done=lambda said: f"proposed an adjustment of {signed_money(said['amount_units'])}",
        )


@admin.register(Account)
class AccountAdmin(RecordAdmin):
    list_display = ("id", "kind", "owner")
    list_filter = ("kind", "market")
    list_select_related = ("user",)
    walked_by = ("market__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Account id, or the beginning of a username."
    fieldsets = ((None, {"fields": ("kind", "owner")}),)

    owner = shown("owner", owner_cell)

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Accounts that aren't users' are few."""
        kind = asked.get("kind__exact")
        if kind in COMMON_ACCOUNT_KINDS:
            return [Q(user__isnull=True, kind=kind)]
        return super().walks(asked)

    def tables(self, obj: Account) -> Iterable[Table]:
        newest = newest_postings([obj.pk])
        yield postings_table("Latest postings", newest, f"account__id__exact={obj.pk}")


@admin.register(JournalEntry)
class JournalEntryAdmin(RecordAdmin):
    list_display = ("id", "kind", "market_link", "order_link", "trade", "moved", "seq", "created")
    list_filter = ("kind", "market")
    linked_by = ("seq",)
    search_ids = ("id", "order_id")
    search_help_text = "Entry id or order id."
    fieldsets = (
        (None, {"fields": (("kind", "created"), ("market_link", "seq"), ("order_link", "trade"))}),
    )

    market_link = market_column()
    order_link = shown("order", lambda entry: link(ORDER, entry.order_id))
    created = time_column("created_at", "time")

    @admin.display(description="trade", empty_value=NOTHING)
    def trade(self, entry: JournalEntry) -> Cell | None:
        if entry.trade_id is None:
            return None
        query = f"market__id__exact={entry.market_id}&trade_id={entry.trade_id}"
        return list_link(FILL, query, str(entry.trade_id))

    @admin.display(description="moved")
    def moved(self, entry: JournalEntry) -> str:
        """What went from one account to others: half of what all postings add up to."""
        amounts = (posting.amount_units for posting in entry.postings.all())
        return money(sum(amount for amount in amounts if amount > 0))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        with entries_shown([entry.pk for entry in rows]):
            prefetch_related_objects(rows, "postings")
        found.result_list = rows
        return found

    def tables(self, obj: JournalEntry) -> Iterable[Table]:
        postings = Posting.objects.filter(entry=obj).select_related("account__user")
        with entries_shown([obj.pk]):
            lines = list(postings.order_by("id"))
        total = sum(line.amount_units for line in lines)
        yield Table(
            "Postings",
            Posting,
            ("posting", "account", "amount"),
            [
                (link(Posting, p.pk), account_cell(p.account), gain_or_loss(p.amount_units))
                for p in lines
            ],
            foot=("sum", "", words(signed_money(total), badge(*_zero(total)))),
        )


def _zero(total_units: int) -> tuple[str, str]:
    return ("balanced", "ok") if total_units == 0 else ("does not balance", "bad")


@admin.register(Posting)
class PostingAdmin(ArchivedRecordAdmin):
    list_display = ("id", "account_link", "amount", "entry_link", "order_link", "created")
    list_filter = ("account__kind",)
    list_select_related = ("entry", "account__user")
    walked_by = ("account__id__exact",)
    search_ids = ("id", "entry_id", "entry__order_id")
    search_users = ("account__user",)
    search_help_text = "Posting, entry or order id, or the beginning of a username."
    fieldsets = (
        (None, {"fields": ("account_link", "amount", "entry_link", "order_link", "created")}),
    )

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Accounts that aren't users' are few, each with an index of its postings."""
        kind = asked.get("account__kind__exact")
        if kind in COMMON_ACCOUNT_KINDS and not set(self.walked_by) & set(asked):
            accounts = Account.objects.filter(user__isnull=True, kind=kind)
            return [Q(account=account) for account in accounts.values_list("pk", flat=True)]
        return super().walks(asked)

    account_link = shown("account", lambda posting: account_cell(posting.account))
    amount = shown("amount", lambda posting: gain_or_loss(posting.amount_units))
    entry_link = shown("entry", lambda p: link(JournalEntry, p.entry_id, p.entry))
    order_link = shown("order", lambda posting: link(ORDER, posting.entry.order_id))
    created = shown("time", lambda posting: when(posting.entry.created_at))

    def row_shown(self, key: int) -> AbstractContextManager[None]:
        return posting_shown(key)


list_way_of(Posting, where_older_are(POSTINGS, "Postings", "entries, orders and fills"))
