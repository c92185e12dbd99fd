"""The trading page as a trader has it, for an operator who looks."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from common.admin.acts import Act, Verb, tell
from common.errors import DomainError
from common.reasons import reason_of
from console.seen_as.looks import opened_look
from console.seen_as.views import PERMISSION, asked_reason, refused_word, trader_of
from terminal.views import SeenTrader, shell_page


def page_view(request: HttpRequest, user_id: int) -> HttpResponse:
    """Only GET comes here. Without a reason it leads to where one is asked for."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    user = trader_of(user_id)
    asking = reverse("admin:see-as", args=[user.pk])
    try:
        reason = reason_of(asked_reason(request))
    except DomainError:
        return HttpResponseRedirect(asking)
    tell(Act(verb=Verb.SEEN_AS, request=request, obj=user, words="trading page", reason=reason))
    seen = SeenTrader(
        user_id=user.pk,
        username=user.get_username(),
        refused=refused_word(user),
        reads=f"{asking}api",
        look=opened_look(request, user.pk),
        back=reverse("admin:accounts_user_change", args=[user.pk]),
    )
    return shell_page(request, seen)
