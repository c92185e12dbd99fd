"""Requests that may be answered from a replica, and the writes that readers are to see.

A view says that its reads may be a moment old (``may_be_old = True``); pages of the console are, as
long as they only read. An answer that failed at the replica is made again from the primary.
"""

from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from common.postgres.replica import (
    OldRead,
    leave_replica_alone,
    reading_what_may_be_old,
    remember_writes,
)

_ONLY_READ = frozenset({"GET", "HEAD"})
_OF_OPERATORS = "/admin/"


class OldReads:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.REPLICA_URL:
            raise MiddlewareNotUsed
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in _ONLY_READ:
            response = self._get_response(request)
            if (user_id := _user_id(request)) is not None:
                remember_writes([user_id])
            return response
        request.old_read = read = OldRead(lambda: _user_id(request))  # type: ignore[attr-defined]
        response = self._answer(request)
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and read.came_from_replica:
            leave_replica_alone("a request failed")
            del request.old_read  # type: ignore[attr-defined]
            response = self._answer(request)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """What `process_view` opened is closed, whatever happens."""
        with ExitStack() as stack:
            request.old_read_stack = stack  # type: ignore[attr-defined]
            return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        read = getattr(request, "old_read", None)
        if read is None:
            return
        may_be_old = getattr(getattr(view, "cls", None), "may_be_old", False)
        if may_be_old or request.path.startswith(_OF_OPERATORS):
            stack: ExitStack = request.old_read_stack  # type: ignore[attr-defined]
            stack.enter_context(reading_what_may_be_old(read))


def _user_id(request: HttpRequest) -> int | None:
    """By session, token or key: REST framework tells Django's request, too."""
    user = getattr(request, "user", None)
    return user.pk if user is not None else None
