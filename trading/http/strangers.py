"""What no view has counted is counted by address: bad tokens, paths that aren't there.

So every answer says how a budget stands, and whoever tries tokens or paths in a rush is told to
wait. Left out is what isn't the API: the admin has doors of its own, static files cost nothing, and
whoever balances must be answered.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from common.http.errors import json_response
from common.limits.askers import origin_of
from common.limits.budgets import BUDGET
from trading.http.limits import OF_ADDRESS, spend_of_strangers, too_many

_UNCOUNTED = ("/admin/", "/static/", "/health")


class CountStrangers:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        known = "X-RateLimit-Limit" in response or hasattr(response, "is_known_sender")
        if known or request.path.startswith(_UNCOUNTED):
            return response
        (standing,) = spend_of_strangers([origin_of(request)])
        if standing is None:
            return response
        if not standing.granted and response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            response = json_response(too_many("requests from this address", standing))
            response["Retry-After"] = str(standing.retry_s)
        for name, value in (standing.headers() | {BUDGET: OF_ADDRESS}).items():
            response[name] = value
        return response
