"""Adjustments of wallets: what was done to them, and the way to undo it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column, user_link
from accounts.models import User
from accounts.staff.operators import operator_of
from approvals.models import Proposal
from common.admin import when
from common.admin.actions import ask_form_then_run
from common.admin.base import Cell, RecordAdmin, Table, link, shown, table_of, time_column
from common.admin.reasons import ReasonForm
from common.errors import DomainError
from common.reasons import REASON_MAX
from ledger.adjustments import CHOSEN, propose_reversal
from ledger.models import Adjustment, JournalEntry, Wallet
from ledger.models.adjustments import REFERENCE_MAX
from ledger.tables import entries_table
from markets import conversions
from markets.display import gain_or_loss, money

_SHOWN = 20


class AdjustmentForm(forms.Form):
    amount = forms.DecimalField(label="Amount", max_digits=40, decimal_places=20)
    category = forms.ChoiceField(label="Category", choices=[(c.value, c.value) for c in CHOSEN])
    reference = forms.CharField(
        label="Reference",
        max_length=REFERENCE_MAX,
        help_text="A ticket, an order: what it is about. Once per trader.",
    )
    reason = forms.CharField(
        label="Reason", max_length=REASON_MAX, help_text="For whoever decides, and for the record."
    )

    def __init__(self, data: Any, wallet: Wallet) -> None:
        super().__init__(data)
        self.fields[
            "amount"
        ].help_text = f"In USD; below zero takes. {money(wallet.available_units)} is available."

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if "amount" in said:
            amount = said["amount"]
            try:
                units = conversions.to_units(abs(amount), "The amount")
            except DomainError as error:
                self.add_error("amount", error.message)
            else:
                said["amount_units"] = units if amount > 0 else -units
        return said


def _reversal(adjustment: Adjustment) -> Cell:
    if adjustment.reverses_id:
        return link(Adjustment, adjustment.reverses_id, f"reverses {adjustment.reverses_id}")
    by = Adjustment.objects.filter(reverses=adjustment).values_list("pk", flat=True).first()
    return link(Adjustment, by, f"reversed by {by}")


@admin.register(Adjustment)
class AdjustmentAdmin(RecordAdmin):
    list_display = ("id", "user_name", "amount", "category", "reference", "adjusted", "proposer")
    list_filter = ("category",)
    list_select_related = ("user", "proposal__author", "proposal__decided_by")
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_texts = ("reference",)
    search_users = ("user",)
    search_help_text = "Adjustment id, reference, or the beginning of a username."
    actions = ("propose_reversal",)
    fieldsets = (
        (None, {"fields": (("user_name", "amount"), ("category", "reference"), "reason")}),
        ("Two people", {"fields": (("proposer", "approver"), ("proposal_link", "adjusted"))}),
        ("Journal", {"fields": (("entry_link", "reversal"),)}),
    )

    user_name = user_column()
    amount = shown("amount", lambda row: gain_or_loss(row.amount_units))
    adjusted = time_column("adjusted_at", "time")
    proposer = shown("proposed by", lambda row: user_link(row.proposal.author))
    approver = shown("approved by", lambda row: user_link(row.proposal.decided_by))
    proposal_link = shown("proposal", lambda row: link(Proposal, row.proposal_id))
    entry_link = shown("journal entry", lambda row: link(JournalEntry, row.entry_id))
    reversal = shown("counter-entry", _reversal)
    described_by = ("user_name", "amount", "category", "reference", "reason")

    def tables(self, obj: Adjustment) -> Iterable[Table]:
        yield entries_table("Postings", JournalEntry.objects.filter(pk=obj.entry_id))

    def has_propose_adjustment_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ledger.propose_adjustment")

    @admin.action(description="Propose the counter-entry", permissions=["propose_adjustment"])
    def propose_reversal(
        self, request: HttpRequest, queryset: QuerySet[Adjustment]
    ) -> TemplateResponse | None:
        return ask_form_then_run(
            self,
            request,
            queryset.select_related("user"),
            action="propose_reversal",
            question="Propose the counter-entry of this adjustment?",
            consequence="Nothing moves before another operator approves it, under Approvals. Both "
            "stay in the trader's statement.",
            form_of=ReasonForm,
            service=lambda row, said: propose_reversal(row, said["reason"], operator_of(request)),
            done=lambda _: "proposed the counter-entry",
        )


@table_of(User)
def adjustments_of_user(user: User) -> Table:
    rows = Adjustment.objects.filter(user=user).order_by("-pk")[:_SHOWN]
    return Table(
        "Adjustments",
        Adjustment,
        ("adjustment", "amount", "category", "reference", "time"),
        [
            (
                link(Adjustment, row.pk),
                gain_or_loss(row.amount_units),
                row.category,
                row.reference,
                when(row.adjusted_at),
            )
            for row in rows
        ],
        empty="None. One is proposed in the list of wallets.",
    )
