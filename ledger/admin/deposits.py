"""Deposits that traders asked for and operators decide."""

from collections.abc import Iterable, Mapping

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column
from accounts.staff.operators import operator_of
from common.admin.actions import ask_then_run
from common.admin.base import Cell, RecordAdmin, Table, badge, link, shown, time_column
from ledger import services
from ledger.models import Deposit, DepositStatus, JournalEntry
from ledger.tables import entries_table
from markets.columns import money_column

_TONES = {DepositStatus.REQUESTED: "warn", DepositStatus.APPROVED: "ok"}


def _status(deposit: Deposit) -> Cell:
    return badge(deposit.status, _TONES.get(DepositStatus(deposit.status), "plain"))


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
    status_word = shown("status", _status)
    requested = time_column("requested_at", "requested")
    decided = time_column("decided_at", "decided")
    decider = user_column("decided by", "decided_by")
    entry_link = shown("journal entry", lambda deposit: link(JournalEntry, deposit.entry_id))

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Those that wait for an operator have an index."""
        if asked.get("status__exact") == DepositStatus.REQUESTED:
            return [Q(status__exact=DepositStatus.REQUESTED)]
        return super().walks(asked)

    def offers(self, action: str, obj: Deposit) -> bool:  # noqa: ARG002  both decide
        return obj.status == DepositStatus.REQUESTED

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
            service=lambda deposit: services.approve_or_propose(deposit.pk, operator_of(request)),
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
