"""From a trader's page: freeze, what is left, lift."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.models import Freeze, User
from common.admin.widgets import dress
from common.errors import DomainError
from common.reasons import REASON_MAX
from console.freeze import selectors, services
from console.guards import each_alone

PERMISSION = "accounts.freeze_user"
REFRESH_S = 1


class FreezeForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)
    until = forms.DateTimeField(
        label="Until, UTC", required=False, help_text="As in 2030-01-31 18:00; empty: until lifted."
    )
    reduces = forms.BooleanField(
        label="Close positions, too",
        required=False,
        help_text="With reduce-only market orders, within the markets' slippage.",
    )


class LiftForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)


def freeze_view(site: Any, request: HttpRequest, user_id: int) -> HttpResponse:
    """The whole page, or with ``?part=body`` what its script puts in place of the old."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    user = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    if user is None:
        raise Http404
    newest = Freeze.objects.filter(user=user).order_by("-pk").first()
    is_frozen = newest is not None and newest.lifted_at is None
    kind = LiftForm if is_frozen else FreezeForm
    # A second click on "Freeze now" must not lift: what is posted says what it is for.
    is_meant = request.POST.get("freeze", "") == (str(newest.pk) if newest and is_frozen else "")
    form = kind(request.POST if request.method == "POST" and is_meant else None)
    dress(form.fields.values())
    if form.is_valid():
        try:
            _do(request, user, newest if is_frozen else None, form.cleaned_data)
            return HttpResponseRedirect(reverse("admin:freeze", args=[user.pk]))
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    if newest is not None and is_frozen:
        each_alone("freeze_not_swept", [newest.pk], services.sweep)
        newest.refresh_from_db()
    context = {
        **site.each_context(request),
        "title": f"Freeze {user}",
        "trader": user,
        "freeze": newest,
        "is_frozen": is_frozen,
        "form": form,
        "refresh_s": REFRESH_S,
        "left": selectors.left_of(user, newest if is_frozen else None),
        "reductions": selectors.reductions_of(newest),
    }
    part = request.GET.get("part") == "body"
    template = "console/freeze/body.html" if part else "console/freeze/page.html"
    return TemplateResponse(request, template, context)


def _do(request: HttpRequest, user: User, frozen: Freeze | None, said: dict[str, Any]) -> None:
    if frozen is not None:
        services.lift(request, frozen.pk, said["reason"])
        return
    asked = services.NewFreeze(said["reason"], said["until"], said["reduces"])
    services.freeze(request, user.pk, asked)
