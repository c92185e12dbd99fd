"""No NUL character comes in: text in Postgres can't have one, so nobody asks for one in good faith.

Addresses and forms of the admin; the API looks at what it reads by itself.
"""

from collections.abc import Callable
from itertools import chain

from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict


class RefuseNul:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_of_admin = request.path.startswith("/admin/")
        if is_of_admin and ("\0" in request.path or _has_nul(request.GET)):
            raise SuspiciousOperation("NUL in the address")
        if is_of_admin and request.method == "POST" and _has_nul(request.POST):
            raise SuspiciousOperation("NUL in a form")
        return self._get_response(request)


def _has_nul(fields: QueryDict) -> bool:
    """But for searches: the admin's form of them says what is wrong."""
    texts = chain.from_iterable((n, *of_n) for n, of_n in fields.lists() if n != SEARCH_VAR)
    return any("\0" in text for text in texts)
