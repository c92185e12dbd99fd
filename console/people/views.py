"""The form that asks why, and the file."""

from typing import Any

import msgspec
from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.people.api import data_answer
from accounts.people.export import export_part
from common.admin.acts import Act, Verb, tell
from common.admin.base import Cell, way_of
from common.admin.widgets import dress
from common.errors import DomainError
from common.reasons import REASON_MAX, reason_of

PERMISSION = "accounts.export_person"
SEE = "accounts.see_person"


class PersonExportForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)
    cursor = forms.CharField(
        label="Continue after",
        required=False,
        max_length=40,
        help_text="nextCursor, at the end of the file before; empty for the first file.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def export_view(request: HttpRequest, site: Any, user_id: int) -> HttpResponse:
    if not request.user.has_perms((PERMISSION, SEE)):
        raise PermissionDenied
    user = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    if user is None:
        raise Http404
    form = PersonExportForm(request.POST if request.method == "POST" else None)
    dress(form.fields.values())
    if form.is_valid():
        try:
            return _file(request, user, **form.cleaned_data)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    context = {**site.each_context(request), "title": f"Export {user}", "trader": user}
    return TemplateResponse(request, "console/people/export.html", {**context, "form": form})


@transaction.atomic
def _file(request: HttpRequest, user: User, reason: str, cursor: str) -> HttpResponse:
    """Raises DomainError."""
    reason = reason_of(reason)
    part = export_part(user.pk, cursor or None)
    rows = sum(len(one.rows) for one in part.stretches)
    words = f"{rows} rows" + (f" after {cursor}" if cursor else "")
    tell(Act(verb=Verb.PERSON_EXPORTED, request=request, obj=user, words=words, reason=reason))
    text = msgspec.json.format(msgspec.json.encode(data_answer(part), enc_hook=str), indent=1)
    response = HttpResponse(text, content_type="application/json")
    name = f"user-{user.pk}{'-' + cursor if cursor else ''}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _way(user: User) -> Cell:
    url = reverse("admin:person-export", args=[user.pk])
    return format_html('<a href="{}">Export all that is kept</a>', url)


way_of(User, _way, PERMISSION)
