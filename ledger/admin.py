"""The operator's view of money: all that moved, and the deposits that wait for a decision."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column
from accounts.staff.operators import operator_of
from common.admin.actions import ask_then_run
from common.admin.base import (
    Cell,
    RecordAdmin,
    Table,
    badge,
    link,
    list_link,
    shown,
    time_column,
    when,
    words,
)
from common.admin.changes import NOTHING
from common.postgres.keysets import newest_keys
from ledger import services
from ledger.models import (
    GLOBAL_ACCOUNT_KINDS,
    MARKET_ACCOUNT_KINDS,
    Account,
    Deposit,
    DepositStatus,
    JournalEntry,
    Posting,
    Wallet,
)
from ledger.tables import (
    FILL,
    ORDER,
    POSTINGS_SHOWN,
    account_cell,
    entries_table,
    owner_cell,
    postings_table,
)
from markets.display import gain_or_loss, market_column, money, money_column, signed_money

COMMON_ACCOUNT_KINDS = {*MARKET_ACCOUNT_KINDS, *GLOBAL_ACCOUNT_KINDS}
_DEPOSIT_TONES = {DepositStatus.REQUESTED: "warn", DepositStatus.APPROVED: "ok"}


def _deposit_status(deposit: Deposit) -> Cell:
    return badge(deposit.status, _DEPOSIT_TONES.get(DepositStatus(deposit.status), "plain"))


# --- pages ----------------------------------------------------------------------------------------


@admin.register(Wallet)
class WalletAdmin(RecordAdmin):
    list_display = ("user_name", "available", "held", "total")
    list_select_related = ("user",)
    search_ids = ("user",)
    search_users = ("user",)
    search_help_text = "User id, or the beginning of a username."
    fieldsets = ((None, {"fields": ("user_link", "available", "held", "total")}),)

    # The list links its first column to the wallet, so the name there is plain.
    user_name = shown("user", lambda wallet: wallet.user.get_username())
    user_link = user_column()
    available = money_column("available_units", "available")
    held = money_column("held_units", "held by orders")
    total = shown("total", lambda w: money(w.available_units + w.held_units))

    def tables(self, obj: Wallet) -> Iterable[Table]:
        accounts = Account.objects.filter(user=obj.user_id).values_list("pk", flat=True)
        of_each = [Posting.objects.filter(account=account) for account in accounts]
        newest = Posting.objects.filter(pk__in=newest_keys(of_each, POSTINGS_SHOWN))
        yield postings_table("Latest postings", newest, f"q={obj.user.get_username()}")


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
        postings = Posting.objects.filter(account=obj)
        yield postings_table("Latest postings", postings, f"account__id__exact={obj.pk}")


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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("postings")

    def tables(self, obj: JournalEntry) -> Iterable[Table]:
        lines = Posting.objects.filter(entry=obj).select_related("account__user").order_by("id")
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
class PostingAdmin(RecordAdmin):
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


@admin.register(Deposit)
class DepositAdmin(RecordAdmin):
    list_display = ("id", "user_name", "amount", "status_word", "requested", "decided", "decider")
    list_filter = ("status",)
    list_select_related = ("user", "decided_by")
    search_ids = ("id",)
    search_texts = ("idempotency_key",)
    search_users = ("user",)
    search_help_text = "Deposit id, idempotency key, or the beginning of a username."
    walked_by = ("user__id__exact",)
    actions = ("approve", "refuse")
    fieldsets = (
        (None, {"fields": (("user_name", "amount"), "status_word", "idempotency_key")}),
        ("Decision", {"fields": (("requested", "decided"), "decider", "entry_link")}),
    )

    user_name = user_column()
    described_by = ("user_name", "amount", "status_word", "requested")

    amount = money_column("amount_units", "amount")
    status_word = shown("status", _deposit_status)
    requested = time_column("requested_at", "requested")
    decided = time_column("decided_at", "decided")
    decider = user_column("decided by", "decided_by")
    entry_link = shown("journal entry", lambda deposit: link(JournalEntry, deposit.entry_id))

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Those that wait for an operator have an index."""
        if asked.get("status__exact") == DepositStatus.REQUESTED:
            return [Q(status__exact=DepositStatus.REQUESTED)]
        return super().walks(asked)

    def has_decide_deposit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ledger.decide_deposit")

    @admin.action(description="Approve selected deposits", permissions=["decide_deposit"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset.select_related("user"),
            action="approve",
            question="Approve these deposits?",
            consequence="The money is in the traders' wallets at once and can't be taken back.",
            service=lambda deposit: services.approve_deposit(deposit.pk, operator_of(request).pk),
            done="approved",
        )

    @admin.action(description="Refuse selected deposits", permissions=["decide_deposit"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset.select_related("user"),
            action="refuse",
            question="Refuse these deposits?",
            consequence="No money moves. A refused deposit can't be approved later.",
            service=lambda deposit: services.refuse_deposit(deposit.pk, operator_of(request).pk),
            done="refused",
        )

    def tables(self, obj: Deposit) -> Iterable[Table]:
        if obj.entry_id:
            yield entries_table("Postings", JournalEntry.objects.filter(pk=obj.entry_id))
