"""Operators → Operators, and each of them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from accounts.display import user_link
from accounts.factors.selectors import second_factors_of
from accounts.models import User
from accounts.staff.operators import operator_of
from accounts.staff.sessions import kept_key
from common.admin import NOTHING, when
from common.admin.acts import Act, Verb, tell
from common.admin.base import Cell, badge, link, list_link, words
from common.errors import DomainError
from console.audit.models import AuditRow
from console.operators import selectors, services
from console.operators.forms import RetireForm, add_error
from console.operators.invitations import answer, invitation_rows
from console.operators.selectors import Operator
from console.operators.words import jobs

VIEW = "accounts.view_user"
Row = list[tuple[str, Cell]]


@require_http_methods(["GET", "HEAD"])
def list_view(request: HttpRequest, site: Any) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    found = selectors.operators()
    context = {
        **site.each_context(request),
        "title": "Operators",
        "operators": [_operator_row(one) for one in found],
        "former": [
            [
                ("Operator", _operator_link(gone.user)),
                ("Left", f"{when(gone.left_at)} UTC"),
                ("By", user_link(gone.by)),
                ("Reason", gone.reason),
            ]
            for gone in selectors.former()
        ],
        "jobs": jobs(selectors.members_of(found)),
        "invitations": invitation_rows(request),
        "may_manage": request.user.has_perm(services.MANAGE),
    }
    return answer(request, "list", context)


def _operator_link(user: User) -> Cell:
    return format_html('<a href="{}">{}</a>', reverse("admin:operator", args=[user.pk]), user)


def _operator_row(one: Operator) -> Row:
    user = one.user
    groups = ", ".join(one.groups) or ("everything" if user.is_superuser else "none")
    return [
        ("Operator", _operator_link(user)),
        ("Groups", words(groups, badge("superuser")) if user.is_superuser else groups),
        ("State", badge("active", "ok") if user.is_active else badge("suspended", "bad")),
        ("Last seen", f"{when(one.seen_at)} UTC" if one.seen_at else "never"),
        ("Second factor", _factor(one.second_factor)),
        ("Sessions", str(one.sessions)),
    ]


def _factor(factor: str) -> Cell:
    return badge(factor, "ok") if factor else badge("not set up", "warn")


@require_http_methods(["GET", "HEAD", "POST"])
def operator_view(request: HttpRequest, site: Any, user_id: int) -> HttpResponse:
    """Who is, or was, an operator. Looked at, and that is in the audit; sessions ended; let go."""
    user = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    is_own = user_id == operator_of(request).pk
    may_manage = request.user.has_perm(services.MANAGE)
    if not request.user.has_perm(VIEW) or (request.method == "POST" and not (may_manage or is_own)):
        raise PermissionDenied
    departure = selectors.newest_departure(user) if user else None
    if user is None or not (user.is_staff or user.is_superuser or departure):
        raise Http404
    form = RetireForm(request.POST if request.POST.get("do") == "retire" else None, user)
    if request.method == "POST":
        if _do(request, user, form):
            return HttpResponseRedirect(reverse("admin:operator", args=[user.pk]))
    else:
        tell(Act(verb=Verb.VIEWED, request=request, obj=user))
    may_retire = may_manage and not is_own and user.is_staff
    context = {
        **site.each_context(request),
        "title": f"Operator {user}",
        "operator": user,
        "factor": _factor(second_factors_of([user.pk])[user.pk]),
        "groups": [str(group) for group in user.groups.order_by("name")],
        "may": selectors.may_of(user),
        "sessions": [_session_row(request, row) for row in selectors.sessions_of(user)],
        "may_end": may_manage or is_own,
        "form": form if may_retire and (not user.is_superuser or _is_superuser(request)) else None,
        "departure": departure,
        "left": selectors.left_of(user, departure) if departure else [],
        "proposals": [(link(type(p), p.pk), p.title) for p in selectors.proposals_of(user)],
        "acts": [_act_row(row) for row in selectors.acts_of(user)]
        if request.user.has_perm("console.view_auditrow")
        else [],
        "all_acts": list_link(AuditRow, f"operator={user.pk}", "All they did"),
        "record": user_link(user),
    }
    return answer(request, "operator", context)


def _is_superuser(request: HttpRequest) -> bool:
    return operator_of(request).is_superuser


def _session_row(request: HttpRequest, row: Any) -> dict[str, Any]:
    current = kept_key(request.session.session_key) == row.session_key
    cells = [
        ("Address", row.address or NOTHING),
        ("Client", row.client or NOTHING),
        ("Since", f"{when(row.opened_at)} UTC"),
        ("Last seen", words(f"{when(row.seen_at)} UTC", badge("this one") if current else "")),
        ("Ends", f"{when(row.expire_date)} UTC"),
    ]
    return {"cells": cells, "key": row.session_key}


def _act_row(row: AuditRow) -> Row:
    return [
        ("Audit", link(AuditRow, row.pk)),
        ("Time", f"{when(row.acted_at)} UTC"),
        ("What", row.verb.replace("_", " ")),
        ("Of", row.object_words or NOTHING),
        ("Words", row.words.replace("\n", "; ") or NOTHING),
    ]


def _do(request: HttpRequest, user: User, form: RetireForm) -> bool:
    """Whether it is done; else the page says why not."""
    try:
        match request.POST.get("do"):
            case "end":
                services.end_sessions(request, user, request.POST.get("key", "")[:40])
                messages.success(request, "The session is ended: its next request is refused.")
            case "end_all":
                ended = services.end_sessions(request, user)
                messages.success(request, f"Ended: {ended}. Their next requests are refused.")
            case "retire":
                if not request.user.has_perm(services.MANAGE):
                    raise PermissionDenied
                if not form.is_valid():
                    return False
                said = form.cleaned_data
                left = services.retire(request, user, said["reason"], said["successor"])
                messages.success(request, f"{user}: {left.words}.")
            case _:
                messages.error(request, "Nothing was done: say what, with a button of the page.")
    except DomainError as error:
        if form.is_bound:
            add_error(form, error)
        else:
            messages.error(request, error.message)
        return not form.is_bound
    return True
