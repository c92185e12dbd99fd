"""Inviting: the form, the list, the link that is shown once, and the page of the invited."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.display import user_link
from accounts.models import Invitation
from accounts.staff.invitations import (
    invitation_of,
    is_alone,
    state_of,
)
from accounts.staff.operators import operator_of
from approvals import policy
from approvals.models import Proposal
from common.admin import NOTHING, when
from common.admin.base import badge, link
from common.admin.changes import proposed_words
from common.errors import DomainError, ErrorCode
from console.factors import door
from console.once.guard import shown_once
from console.operators import selectors, services
from console.operators.forms import InviteForm, PasswordForm, add_error

_TONES = {"accepted": "ok", "link to be made": "warn", "link made": "warn"}


def invitation_rows(request: HttpRequest) -> list[dict[str, Any]]:
    """``may_make``: its link is to be made, by whoever looks; ``may_withdraw``."""
    now, by = timezone.now(), operator_of(request)
    may_manage = by.has_perm(services.MANAGE)
    rows = []
    for one in selectors.invitations():
        state = state_of(one, now)
        is_open = state in ("link to be made", "link made")
        rows.append(
            {
                "pk": one.pk,
                "cells": _cells(one, state),
                "may_make": may_manage and state == "link to be made" and one.inviter_id == by.pk,
                "may_withdraw": may_manage and is_open,
            }
        )
    return rows


def _cells(one: Invitation, state: str) -> list[tuple[str, Any]]:
    groups = ", ".join(sorted(group.name for group in one.groups.all()))
    powers = f"{groups}, superuser" if groups and one.is_superuser else groups or "superuser"
    return [
        ("Name", user_link(one.user) if one.user else one.username),
        ("Mail", one.mail),
        ("As", powers),
        ("State", badge(state, _TONES.get(state, "plain"))),
        ("By", user_link(one.inviter)),
        ("Approved", link(Proposal, one.proposal_id, f"proposal {one.proposal_id}")
         if one.proposal_id else "the first, alone" if one.is_first else NOTHING),
        ("Until", f"{when(one.expires_at)} UTC"),
    ]  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def invite_view(request: HttpRequest, site: Any) -> HttpResponse:
    if not request.user.has_perm(services.MANAGE):
        raise PermissionDenied
    form = InviteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = services.invite(request, form.wanted())
        except DomainError as error:
            add_error(form, error)
        else:
            if isinstance(made, Proposal):
                messages.warning(request, proposed_words(made))
            else:
                messages.success(request, f"{made.username} is invited: make the link now.")
            return HttpResponseRedirect(reverse("admin:operators"))
    takes_two = policy.needs_second("invite_operator")
    context = {
        **site.each_context(request),
        "title": "Invite an operator",
        "form": form,
        "is_first": takes_two and is_alone(operator_of(request)),
        "takes_two": takes_two,
    }
    return answer(request, "invite", context)


@require_POST
def link_view(request: HttpRequest, site: Any, invitation_id: int) -> HttpResponse:
    """The answer has the link, and no other ever will."""
    _require_manage(request)
    try:
        invitation, token = services.make_link(request, invitation_id)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:operators"))
    context = {
        **site.each_context(request),
        "title": f"The link for {invitation.username}",
        "invitation": invitation,
        "address": request.build_absolute_uri(reverse("admin:join", args=[token])),
    }
    return shown_once(answer(request, "link", context), reverse("admin:operators"))


@require_POST
def withdraw_view(request: HttpRequest, site: Any, invitation_id: int) -> HttpResponse:  # noqa: ARG001
    _require_manage(request)
    try:
        services.withdraw_invitation(request, invitation_id)
        messages.success(request, "Withdrawn: its link does nothing any more.")
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("admin:operators"))


def _require_manage(request: HttpRequest) -> None:
    if not request.user.has_perm(services.MANAGE):
        raise PermissionDenied


@require_http_methods(["GET", "HEAD", "POST"])
def join_view(request: HttpRequest, site: Any, token: str) -> HttpResponse:
    """For who is invited, and signed in as nobody."""
    form = PasswordForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {**site.each_context(request), "title": "Join"}
    status = HTTPStatus.OK
    try:
        context["invitation"] = invitation_of(token)
        if request.user.is_authenticated:
            context |= {"invitation": None, "refused": "Sign out first: this link is for another."}
            status = HTTPStatus.FORBIDDEN
        elif form.is_valid():
            user = services.join(request, token, form.cleaned_data["password"])
            return HttpResponseRedirect(door.enter(request, user, reverse("admin:index")))
    except DomainError as error:
        if error.field == "password":
            add_error(form, error)
        else:
            unknown = error.code == ErrorCode.NOT_FOUND
            status = HTTPStatus.NOT_FOUND if unknown else HTTPStatus.GONE
            context |= {"invitation": None, "refused": error.message}
    response = answer(request, "join", {**context, "form": form})
    response.status_code = status
    return response


def answer(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = TemplateResponse(request, f"console/operators/{template}.html", context)
    response["Cache-Control"] = "no-store"
    return response
