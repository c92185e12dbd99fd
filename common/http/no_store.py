"""No cache keeps an answer: tokens, orders and balances would outlive the sign-in in a proxy or a
browser. Whatever may be kept says so itself; static files do, before they come here.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

NO_STORE = "no-store"


class NoStore:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Cache-Control", NO_STORE)
        return response
