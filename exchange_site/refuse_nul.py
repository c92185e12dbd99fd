"""No NUL character comes in: text in Postgres can't have one, so nobody asks for one in good faith.

Paths and query strings of all requests, and forms of the admin; the API reads its own bodies.
"""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse


class RefuseNul:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path or "%00" in query or "\0" in query:
            raise SuspiciousOperation("NUL in the address")
        is_form = request.method == "POST" and request.path.startswith("/admin/")
        if is_form and any("\0" in text for name in request.POST for text in _texts(request, name)):
            raise SuspiciousOperation("NUL in a form")
        return self._get_response(request)


def _texts(request: HttpRequest, name: str) -> list[str]:
    return [name, *request.POST.getlist(name)]
