"""What stands before every view that has no throttle of its own."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # whose class body imports this module
    from rest_framework.views import APIView


class RequestThrottle(BaseThrottle):
    """By the budgets of `trading.http.limits`."""

    def __init__(self) -> None:
        self._wait_s = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        from trading.http.limits import spend_request  # views are being made while this is imported

        if not settings.LIMITS:
            return True
        standing = spend_request(request, view, 1)
        self._wait_s = standing.retry_s
        return standing.granted

    def wait(self) -> float:
        return self._wait_s - 1  # the answer says one more
