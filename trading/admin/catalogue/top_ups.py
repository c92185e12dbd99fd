"""Top-ups of insurance funds: what one operator asked for and another decides."""

from collections.abc import Mapping

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column
from accounts.staff.operators import operator_of
from common.admin.actions import ask_then_run
from common.admin.base import Cell, RecordAdmin, badge, link, shown, time_column
from markets.columns import market_column, money_column
from trading import services
from trading.models import InsuranceTopUp, OutboxCommand, TopUpStatus

_TONES = {TopUpStatus.REQUESTED: "warn", TopUpStatus.APPROVED: "ok"}


def _status(asked: InsuranceTopUp) -> Cell:
    return badge(asked.status, _TONES.get(TopUpStatus(asked.status), "plain"))


@admin.register(InsuranceTopUp)
class InsuranceTopUpAdmin(RecordAdmin):
    list_display = (
        "id", "market_link", "amount", "status_word", "requester", "requested", "decider",
    )  # fmt: skip
    list_filter = ("status", "market")
    list_select_related = ("requested_by", "decided_by")
    search_ids = ("id",)
    search_users = ("requested_by", "decided_by")
    search_help_text = "Id, or the beginning of an operator's username."
    actions = ("approve", "refuse")
    fieldsets = (
        (None, {"fields": (("market_link", "amount"), "status_word", "reason")}),
        ("Request", {"fields": (("requester", "requested"),)}),
        ("Decision", {"fields": (("decider", "decided"), "command_link")}),
    )

    market_link = market_column()
    amount = money_column("amount_units", "amount")
    status_word = shown("status", _status)
    requester = user_column("requested by", "requested_by")
    requested = time_column("requested_at", "requested")
    decider = user_column("decided by", "decided_by")
    decided = time_column("decided_at", "decided")
    command_link = shown("command", lambda asked: link(OutboxCommand, asked.command_id))
    why = shown("reason", lambda asked: asked.reason)
    described_by = ("market_link", "amount", "status_word", "requester", "requested", "why")

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Those that wait for an operator have an index."""
        if asked.get("status__exact") == TopUpStatus.REQUESTED:
            return [Q(status__exact=TopUpStatus.REQUESTED)]
        return super().walks(asked)

    def offers(self, action: str, obj: InsuranceTopUp) -> bool:  # noqa: ARG002  both decide
        return obj.status == TopUpStatus.REQUESTED

    def has_decide_top_up_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.decide_top_up")

    @admin.action(description="Approve selected top-ups", permissions=["decide_top_up"])
    def approve(
        self, request: HttpRequest, queryset: QuerySet[InsuranceTopUp]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="approve",
            question="Approve these top-ups?",
            consequence="The money is in the markets' insurance funds at once and can't be taken "
            "back. Those you asked for yourself are refused.",
            service=lambda asked: services.approve_top_up(asked.pk, by=operator_of(request)),
            done="approved",
        )

    @admin.action(description="Refuse selected top-ups", permissions=["decide_top_up"])
    def refuse(
        self, request: HttpRequest, queryset: QuerySet[InsuranceTopUp]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="refuse",
            question="Refuse these top-ups?",
            consequence="No money moves. A refused top-up can't be approved later.",
            service=lambda asked: services.refuse_top_up(asked.pk, by=operator_of(request)),
            done="refused",
        )
