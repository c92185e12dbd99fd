"""The pages: to show a factor at the door, to set one up, and one's own."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access.unlocking import unlock
from accounts.factors import passkeys, services
from accounts.factors.recovery import codes_left
from accounts.factors.selectors import factors_of, has_factor
from accounts.models import Factor, User
from accounts.staff.operators import operator_of
from common.admin import when
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError
from common.http.statuses import status_of
from console.factors import door
from console.factors.asking import (
    answer_of,
    passkey_of,
    proof_context,
    show_to_console,
)
from console.once.guard import shown_once

NEW_PASSKEY = "new_passkey"


@require_http_methods(["GET", "HEAD", "POST"])
def show_view(request: HttpRequest, site: Any) -> HttpResponse:
    """The second step of a sign-in."""
    user = door.subject_of(request)
    if user is None:
        return _nobody(request, site)
    if not has_factor(user.pk):
        return HttpResponseRedirect(reverse("admin:factor-enrol"))
    error = None
    if request.method == "POST":
        try:
            show_to_console(request, user)
        except DomainError as refused:
            error = refused
        else:
            return HttpResponseRedirect(door.let_in(request, user))
    context = {"title": "Second step", "username": user.username, **proof_context(user)}
    context["refused"] = error.message if error is not None else ""
    return answer_of(_answer(request, site, "show", context), error)


@require_POST
def options_view(request: HttpRequest) -> HttpResponse:
    """What a passkey is to sign, for a script."""
    user = door.subject_of(request)
    return _options(user, lambda who: passkeys.request_options(who.pk))


@require_POST
def enrol_options_view(request: HttpRequest) -> HttpResponse:
    """What a passkey is to be made of, for a script."""
    user = door.subject_of(request)
    return _options(user, lambda who: services.begin_passkey(who.pk))


def _options(user: User | None, make: Any) -> HttpResponse:
    if user is None:
        said = {"message": "Sign in with your password again."}
        return JsonResponse(said, status=HTTPStatus.UNAUTHORIZED)
    try:
        return JsonResponse(make(user))
    except DomainError as error:
        return JsonResponse({"message": error.message}, status=status_of(error))


@require_http_methods(["GET", "HEAD", "POST"])
def enrol_view(request: HttpRequest, site: Any) -> HttpResponse:
    """The first factor of somebody whose password was right just now."""
    user = door.subject_of(request)
    if user is None:
        return _nobody(request, site)
    if has_factor(user.pk):
        return HttpResponseRedirect(reverse("admin:factor"))
    context: dict[str, Any] = {"title": "Set up a second factor", "username": user.username}
    if request.method == "POST":
        try:
            made = _enrol(request, user)
        except DomainError as error:
            context["refused"] = error.message
        else:
            if made is not None:
                target = door.let_in(request, user)
                return _codes(request, site, made.recovery_codes, target)
    context |= _enrolling(request, user)
    return _answer(request, site, "enrol", context)


@require_http_methods(["GET", "HEAD", "POST"])
def own_view(request: HttpRequest, site: Any) -> HttpResponse:
    """Operators → Your second factor: more of them, fewer, new recovery codes."""
    user = operator_of(request)
    refused = ""
    if request.method == "POST":
        try:
            made = _enrol(request, user)
            codes = made.recovery_codes if made is not None else _change(request, user)
        except DomainError as error:
            refused = error.message
        else:
            if made is not None:
                door.mark_shown(request)
            if codes:
                return _codes(request, site, codes, reverse("admin:factors"))
            if request.POST.get("do") != "begin_app":
                return HttpResponseRedirect(reverse("admin:factors"))
    context = {
        "title": "Your second factor",
        "factors": [
            (row.pk, row.get_kind_display(), row.name, when(row.made_at), when(row.last_used_at))
            for row in factors_of(user.pk).order_by("pk")
        ],
        "codes_left": codes_left(user.pk),
        "refused": refused,
        **_enrolling(request, user),
    }
    return _answer(request, site, "own", context)


def _enrolling(request: HttpRequest, user: User) -> dict[str, Any]:
    """The secret of an app is in answers to its own steps, and on no page that is just opened."""
    is_of_app = request.POST.get("do") in ("begin_app", "confirm_app")
    return {
        "begun": services.begun_app(user.pk) if is_of_app else None,
        "new_passkey_field": NEW_PASSKEY,
        "offers_passkeys": passkeys.are_offered(),
    }


def _enrol(request: HttpRequest, user: User) -> services.Enrolled | None:
    """What was set up; None for another step, or the first. Raises DomainError."""
    said = request.POST

    def told(factor: Factor) -> None:
        tell(Act(verb=Verb.FACTOR_ADDED, request=request, operator=user, obj=factor))

    match said.get("do"):
        case "begin_app":
            services.begin_app(user.pk, services.APP_NAME)
            return None
        case "confirm_app":
            return services.confirm_app(user.pk, said.get("code", ""), told)
        case "passkey":
            name = said.get("name", "").strip() or services.PASSKEY_NAME
            passkey = passkey_of(said.get(NEW_PASSKEY, ""))
            return services.finish_passkey(user.pk, name, passkey, told)
        case _:
            return None


def _change(request: HttpRequest, user: User) -> list[str]:
    """New recovery codes, if they were asked for. Raises DomainError."""
    said = request.POST
    with transaction.atomic():
        if said.get("do") == "recovery_codes":
            codes = services.new_recovery_codes(user.pk)
            tell(Act(verb=Verb.RECOVERY_CODES_MADE, request=request, obj=user))
            return codes
        if said.get("do") == "remove" and said.get("factor", "").isdecimal():
            key = min(int(said["factor"]), 2**62)
            words = str(services.remove_factor(user.pk, key))
            tell(Act(verb=Verb.FACTOR_REMOVED, request=request, obj=user, words=words))
            messages.success(request, f"Removed: {words}.")
    return []


@require_http_methods(["GET", "HEAD", "POST"])
def unlock_view(request: HttpRequest, site: Any, token: str) -> HttpResponse:
    """What a mail leads to; a scanner of mails that opens it lifts nothing."""
    context = {"title": "Lift the lock", "is_lifted": False, "refused": ""}
    status = HTTPStatus.OK
    if request.method == "POST":
        try:
            unlock(token)
            context["is_lifted"] = True
        except DomainError as error:
            context["refused"], status = error.message, HTTPStatus.GONE
    response = _answer(request, site, "unlock", context)
    response.status_code = status
    return response


def _nobody(request: HttpRequest, site: Any) -> HttpResponse:
    response = _answer(request, site, "nobody", {"title": "Sign in first"})
    response.status_code = HTTPStatus.UNAUTHORIZED
    return response


def _codes(request: HttpRequest, site: Any, codes: list[str], target: str) -> HttpResponse:
    """Shown in this answer, and in no other."""
    context = {"title": "Recovery codes", "codes": codes, "target": target}
    return shown_once(_answer(request, site, "codes", context), target)


def _answer(
    request: HttpRequest, site: Any, template: str, context: dict[str, Any]
) -> TemplateResponse:
    response = TemplateResponse(
        request, f"console/factors/{template}.html", {**site.each_context(request), **context}
    )
    response["Cache-Control"] = "no-store"
    return response
