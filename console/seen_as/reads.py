"""What the trading page reads of its trader, for an operator who looks at it."""

from http import HTTPMethod
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, URLResolver, path
from django.urls.resolvers import RegexPattern

from common.http.errors import json_response, method_not_allowed, to_api_error
from common.http.rendering import StructJSONRenderer
from console.seen_as.answers import SECTIONS, asked_as
from console.seen_as.looks import require_look
from console.seen_as.views import PERMISSION
from trading.algos.api import AlgosView, AlgoView

# All there is: nothing of keys, sessions, factors, or the person.
_CALLS = URLResolver(
    RegexPattern("^/"),
    [
        *(path(section.call[1:], section.view.as_view()) for section in SECTIONS.values()),
        path("algos", AlgosView.as_view()),
        path("algos/<int:algo_id>", AlgoView.as_view()),
    ],
)


def read_view(request: HttpRequest, site: Any, user_id: int, call: str) -> HttpResponse:
    """As the API answers, errors too: a script asks. A look is in the audit once, as it is
    opened."""
    if request.method != HTTPMethod.GET:
        return method_not_allowed(request, [HTTPMethod.GET])
    try:
        return _read(request, site, user_id, call)
    except Exception as error:
        told = to_api_error(error)
        if told is None:
            raise
        return json_response(told)


def _read(request: HttpRequest, site: Any, user_id: int, call: str) -> HttpResponse:
    if not (site.has_permission(request) and request.user.has_perm(PERMISSION)):
        raise PermissionDenied
    require_look(request, user_id)
    try:
        found = _CALLS.resolve(f"/{call}")
    except Resolver404 as error:
        raise Http404 from error
    view = found.func.cls()  # type: ignore[attr-defined]  # what DRF puts there
    answer = asked_as(user_id, view, request.GET.urlencode(), **found.kwargs)
    body = StructJSONRenderer().render(answer.data)
    return HttpResponse(body, content_type=StructJSONRenderer.media_type)
