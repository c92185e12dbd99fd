"""One view for all paths of the venue: who asks, how often, what; and every answer in its shape."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from accounts.keys.known import KeyUser
from accounts.keys.replays import replays
from accounts.keys.verifying import require_scope
from accounts.law.countries import is_asker_blocked
from common.errors import DomainError
from common.http.addresses import asker_of, origin_of
from gateway.asking import limits
from gateway.asking.params import Params
from gateway.asking.signing import Signed, known_by_key, verify_signed
from gateway.http.calls import Route, VenueAsk
from gateway.http.routes import ROUTES
from gateway.http.settled import wait_until_settled
from gateway.words import errors
from gateway.words.errors import GatewayRefusal
from gateway.words.telling import of_fault
from trading.http.limits import CallKind, spend_of, spend_of_strangers, too_many


@method_decorator(csrf_exempt, name="dispatch")
class GatewayView(View):
    """CSRF is of browsers' sessions; here a key speaks."""

    def dispatch(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        method = "GET" if request.method == "HEAD" else str(request.method)
        path = request.path
        route = ROUTES.get((method, path))
        if route is None:
            return _answer(errors.no_such_path(path, method).body(), 404, {})
        headers: dict[str, str] = {}
        try:
            asked = _asked(request, route, headers)
            if asked.user_id and method == "GET":
                wait_until_settled(asked.user_id)
            return _answer(route.answer(asked), 200, headers)
        except Exception as fault:  # noqa: BLE001  told in the venue's words; ours are logged
            error = of_fault(fault, is_cancel=route.is_cancel, path=path)
        return _answer(error.body(), error.status, headers)


def _asked(request: HttpRequest, route: Route, headers: dict[str, str]) -> VenueAsk:
    """Raises GatewayRefusal or DomainError. Fills in what the answer's headers tell."""
    query = request.META.get("QUERY_STRING", "").encode("latin-1")
    params = Params.read(query, request.body)
    if route.scope is None and not route.by_key:
        _spend(headers, None, origin_of(asker_of(request.META)))
        return VenueAsk(params)
    key = request.META.get("HTTP_X_MBX_APIKEY", "")
    try:
        user = _known(request, route, Signed(key, query, request.body, params))
    except (GatewayRefusal, DomainError):
        _spend(headers, None, origin_of(asker_of(request.META)))
        raise
    _spend(headers, route.kind, user.pk)
    require_scope(user.scopes, route.scope)
    return VenueAsk(params, user.pk, key, is_asker_blocked(request.META))


def _known(request: HttpRequest, route: Route, signed: Signed) -> KeyUser:
    address = asker_of(request.META)
    if route.by_key:
        return known_by_key(signed.key, address)
    user, spent = verify_signed(signed, address)
    is_change = request.method not in ("GET", "HEAD")
    (refused,) = replays.refuse([spent], durably=is_change)
    if refused is not None and is_change:
        raise refused
    return user


def _spend(headers: dict[str, str], kind: CallKind | None, whose: int | str) -> None:
    """Raises DomainError where there is too much of it."""
    if not settings.LIMITS:
        return
    if kind is None:
        (standing,) = spend_of_strangers([str(whose)])
        what = "requests from this address"
    else:
        (standing,) = spend_of([(int(whose), kind, 1)])
        what = str(kind)
    headers |= limits.headers(standing, kind)
    if standing is not None and not standing.granted:
        raise too_many(what, standing)


def _answer(body: Any, status: int, headers: Mapping[str, str]) -> HttpResponse:
    text = msgspec.json.encode(body)
    return HttpResponse(text, status=status, content_type="application/json", headers=headers)
