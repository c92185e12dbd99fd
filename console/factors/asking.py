"""Before every view of the site: what is dangerous asks for a factor first, and goes on then."""

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.factors.proofs import Proof, show_factor
from accounts.factors.selectors import has_factor, kinds_of
from accounts.models import FactorKind, SignInStep, User
from accounts.staff.operators import operator_of
from accounts.staff.sign_in import staff_failure
from common.errors import DomainError, ErrorCode
from common.http.statuses import status_of
from console.factors import door
from console.factors.dangerous import is_dangerous
from console.once.guard import RENDERED, TOKEN, rendered_form

CODE, PASSKEY = "second_factor_code", "second_factor_passkey"
_APP_CODE_LENGTH = 6
_OURS = (CODE, PASSKEY, TOKEN)

View = Callable[..., HttpResponseBase]


def asking_first(view: View, site: Any) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not (is_dangerous(request) and door.must_ask(request)):
            _forget_proof(request)
            return view(request, *args, **kwargs)
        operator = operator_of(request)
        if not has_factor(operator.pk):  # theirs was taken away while they were in
            return HttpResponseRedirect(reverse("admin:factor-enrol"))
        if not is_proof_given(request):
            return _ask(request, site, operator)
        try:
            show_to_console(request, operator)
        except DomainError as error:
            return _ask(request, site, operator, error)
        door.mark_shown(request)
        _forget_proof(request)
        return view(request, *args, **kwargs)

    return guarded


def is_proof_given(request: HttpRequest) -> bool:
    return any(request.POST.get(name) for name in (CODE, PASSKEY))


def show_to_console(request: HttpRequest, user: User) -> None:
    """What a form of ours posted. Raises DomainError; a wrong one is seen by other operators."""
    try:
        show_factor(user.pk, _proof_of(request.POST))
    except DomainError as error:
        if error.code == ErrorCode.WRONG_SECOND_FACTOR:
            staff_failure(request, user.get_username(), SignInStep.SECOND_FACTOR)
        raise


def _proof_of(said: QueryDict) -> Proof:
    """One field takes both kinds of codes: six digits are an app's."""
    if passkey := said.get(PASSKEY):
        return Proof(passkey=passkey_of(passkey))
    code = said.get(CODE, "").strip()
    digits = code.replace(" ", "")
    if len(digits) == _APP_CODE_LENGTH and digits.isdecimal():
        return Proof(code=digits)
    return Proof(recovery_code=code)


def passkey_of(text: str) -> dict[str, Any]:
    """What a script of ours put into a field; empty for what is no such thing."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def proof_context(user: User) -> dict[str, Any]:
    """Of a form that asks, for `console/factors/proof.html`."""
    kinds = kinds_of(user.pk)
    has_app, has_passkey = FactorKind.TOTP in kinds, FactorKind.PASSKEY in kinds
    return {
        "code_field": CODE,
        "passkey_field": PASSKEY,
        "code_label": "Code of your app, or a recovery code" if has_app else "Recovery code",
        "has_passkey": has_passkey,
    }


def answer_of(response: HttpResponse, error: DomainError | None) -> HttpResponse:
    """With the status that a refused factor has."""
    if error is not None and "retry_after_s" in error.details:
        response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        response["Retry-After"] = str(error.details["retry_after_s"])
    elif error is not None:
        response.status_code = status_of(error)
    return response


def _ask(
    request: HttpRequest, site: Any, operator: User, error: DomainError | None = None
) -> HttpResponse:
    posted = _without(request.POST, *_OURS)
    posted[RENDERED] = rendered_form(request)
    context = {
        **site.each_context(request),
        **proof_context(operator),
        "title": "Is it you?",
        "posted": [(name, value) for name, values in posted.lists() for value in values],
        "refused": error.message if error is not None else "",
    }
    response = TemplateResponse(request, "console/factors/ask.html", context)
    response["Cache-Control"] = "no-store"
    response.status_code = HTTPStatus.FORBIDDEN
    return answer_of(response, error)


def _forget_proof(request: HttpRequest) -> None:
    """It is no part of what the form says."""
    if is_proof_given(request):
        request.POST = _without(request.POST, CODE, PASSKEY)  # type: ignore[assignment]


def _without(posted: QueryDict, *names: str) -> QueryDict:
    rest = posted.copy()
    for name in names:
        rest.pop(name, None)
    return rest
