"""Operators → Two people."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.staff.operators import operator_of
from approvals import policy
from approvals.actions import all_actions
from approvals.models import ApprovalRule
from common.admin import NOTHING
from common.admin.acts import Act, Verb, tell
from common.admin.base import link
from common.admin.changes import proposed_words
from common.admin.widgets import dress
from common.errors import DomainError
from common.reasons import REASON_MAX
from console.operators.words import sentences
from markets.conversions import to_units

VIEW, CHANGE = "approvals.view_proposal", "approvals.change_approvalrule"


class PolicyForm(forms.Form):
    kind = forms.ChoiceField(label="Action")
    needed = forms.ChoiceField(
        label="A second person is", choices=[("yes", "needed"), ("no", "not needed")]
    )
    amount = forms.DecimalField(
        label="From this amount on, USD",
        required=False,
        max_digits=40,
        decimal_places=20,
        help_text="Of actions that move money; empty: whatever the amount.",
    )
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        chosen = [(a.kind, a.title) for a in all_actions() if not a.is_fixed]
        self.fields["kind"].choices = chosen  # type: ignore[attr-defined]
        dress(self.fields.values())

    def clean_amount(self) -> int | None:
        amount = self.cleaned_data["amount"]
        try:
            return None if amount is None else to_units(amount, "The amount")
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


def policy_view(site: Any, request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    may_change = request.user.has_perm(CHANGE)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    form = PolicyForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _propose(request, form):
        return HttpResponseRedirect(reverse("admin:policy"))
    deciders = _in_words([action.permission for action in all_actions()])
    decided = {rule.kind: rule.proposal_id for rule in ApprovalRule.objects.all()}
    context = {
        **site.each_context(request),
        "title": "What takes two people",
        "form": form if may_change else None,
        "rows": [
            (
                action.title,
                policy.rule_words(*policy.rule_of(action)),
                "always" if action.is_fixed else _decision(decided.get(action.kind)),
                deciders[action.permission],
            )
            for action in all_actions()
        ],
    }
    return TemplateResponse(request, "console/policy/page.html", context)


def _in_words(permissions: list[str]) -> dict[str, str]:
    """As they are declared."""
    names = [permission.partition(".")[2] for permission in permissions]
    declared = Permission.objects.filter(codename__in=names).select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}": sentences([one])[0] for one in declared}


def _decision(proposal_id: int | None) -> str:
    if proposal_id is None:
        return "as usual"
    return link("approvals.Proposal", proposal_id, f"proposal {proposal_id}") or NOTHING


def _propose(request: HttpRequest, form: PolicyForm) -> bool:
    said, operator = form.cleaned_data, operator_of(request)
    try:
        with transaction.atomic():
            proposal = policy.propose_rule(
                said["kind"], said["needed"] == "yes", said["amount"], said["reason"], operator
            )
            act = Act(
                verb=Verb.PROPOSED,
                request=request,
                obj=proposal,
                words=proposal.differences,
                reason=proposal.reason,
            )
            tell(act)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    messages.warning(request, proposed_words(proposal))
    return True
