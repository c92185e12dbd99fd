"""Proposals: what waits for a second person, exactly what it would change, and the decision."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from approvals import services
from approvals.actions import action_of, all_actions, kinds
from approvals.models import Proposal, ProposalStatus
from common.admin import NOTHING
from common.admin.actions import ask_form_then_run, ask_then_run
from common.admin.base import Cell, RecordAdmin, Table, badge, link, shown, time_column, words
from common.admin.filters import words_filter
from common.admin.reasons import ReasonForm

_USER = "accounts.User"
_COMMAND = "trading.OutboxCommand"
_PERSONS_SHOWN = 3
_TONES = {ProposalStatus.WAITING: "warn", ProposalStatus.APPROVED: "ok"}


def _status(proposal: Proposal) -> Cell:
    status = proposal.status_at(timezone.now())
    return badge(status, _TONES.get(status, "plain"))


def _person(user: Any) -> Cell:
    return link(_USER, user and user.pk, user)


def _beneficiaries(proposal: Proposal) -> Cell:
    """The first of them by name, which is all of most proposals."""
    ids = proposal.beneficiary_ids
    users = get_user_model().objects.filter(pk__in=ids[:_PERSONS_SHOWN]).order_by("pk")
    more = len(ids) - _PERSONS_SHOWN
    named = [_person(user) for user in users]
    return words(*named, *([f"and {more:,} more"] if more > 0 else [])) if named else NOTHING


@admin.register(Proposal)
class ProposalAdmin(RecordAdmin):
    list_display = (
        "id", "title", "action_words", "status_word", "author_link", "proposed", "expires",
    )  # fmt: skip
    list_filter = ("status", words_filter("kind", kinds(), title="action"))
    list_select_related = ("author", "decided_by")
    search_ids = ("id",)
    search_users = ("author", "decided_by")
    search_help_text = "Id, or the beginning of an operator's username."
    walked_by = ("author__id__exact",)
    actions = ("approve", "refuse", "withdraw")
    fieldsets = (
        (None, {"fields": ("title", ("action_words", "status_word"), "reason")}),
        ("Proposed", {"fields": (("author_link", "beneficiary_link"), ("proposed", "expires"))}),
        ("Decided", {"fields": (("decider", "decided"), "outcome_words", "command_link")}),
    )

    action_words = shown("action", lambda proposal: action_of(proposal.kind).title)
    status_word = shown("status", _status)
    author_link = shown("proposed by", lambda proposal: _person(proposal.author))
    beneficiary_link = shown("for the benefit of", _beneficiaries)
    proposed = time_column("proposed_at", "proposed")
    expires = time_column("expires_at", "expires")
    decider = shown("decided by", lambda proposal: _person(proposal.decided_by))
    decided = time_column("decided_at", "decided")
    outcome_words = shown("outcome", lambda proposal: proposal.outcome or NOTHING)
    command_link = shown("command", lambda proposal: link(_COMMAND, proposal.command_id))
    differences = shown("what changes", lambda proposal: proposal.differences)
    why = shown("reason", lambda proposal: proposal.reason)
    described_by = ("action_words", "differences", "why", "author_link", "proposed", "expires")

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Those that wait have an index."""
        if asked.get("status__exact") == ProposalStatus.WAITING:
            return [Q(status__exact=ProposalStatus.WAITING)]
        return super().walks(asked)

    def tables(self, obj: Proposal) -> Iterable[Table]:
        yield Table(
            "What changes",
            Proposal,
            ("what", "before", "after"),
            [(what, before or NOTHING, after) for what, before, after in obj.changes],
        )

    def offers(self, action: str, obj: Proposal) -> bool:  # noqa: ARG002  all of them end it
        return obj.status_at(timezone.now()) == ProposalStatus.WAITING

    def offers_to(self, request: HttpRequest, action: str, obj: Proposal) -> bool:
        by: Any = request.user
        is_theirs = (
            obj.author_id == by.pk
            if action == "withdraw"
            else services.why_not_decided_by(obj, by) is None
        )
        return is_theirs and super().offers_to(request, action, obj)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return any(request.user.has_perm(action.permission) for action in all_actions())

    @admin.action(description="Approve selected proposals", permissions=["decide"])
    def approve(
        self, request: HttpRequest, queryset: QuerySet[Proposal]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="approve",
            question="Approve these proposals?",
            consequence="Each is carried out at once, as it says. Your own, and what is for "
            "yourself, is refused.",
            service=lambda proposal: services.approve(proposal.pk, _operator(request)).command_id,
            done="approved",
        )

    @admin.action(description="Refuse selected proposal", permissions=["decide"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Proposal]) -> TemplateResponse | None:
        return ask_form_then_run(
            self,
            request,
            queryset,
            action="refuse",
            question="Refuse this proposal?",
            consequence="Nothing is changed. Who wants it after all proposes it anew.",
            form_of=ReasonForm,
            service=lambda proposal, said: (
                services.refuse(proposal.pk, said["reason"], _operator(request)).command_id
            ),
            done=lambda said: f"refused: {said['reason']}",
        )

    @admin.action(description="Withdraw selected proposals of your own", permissions=["view"])
    def withdraw(
        self, request: HttpRequest, queryset: QuerySet[Proposal]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="withdraw",
            question="Withdraw these proposals?",
            consequence="Nothing is changed. Only what you proposed yourself can be withdrawn.",
            service=lambda proposal: services.withdraw(proposal.pk, _operator(request)).command_id,
            done="withdrawn",
        )


def _operator(request: HttpRequest) -> Any:
    return request.user
