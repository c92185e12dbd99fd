"""How the API answers what it can't serve: one shape of errors.

Every answer that is not a success is ``{"message": what to change, "code": "UPPER_SNAKE"}``, with
``"field"`` where one field is at fault. Services raise `DomainError`; everything else that can go
wrong on the way to a view is translated here.
"""

import sys
import time
from http import HTTPStatus
from typing import Any

import msgspec
import redis
import structlog
from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from common.errors import DomainError, ErrorCode
from common.http.statuses import body_of, status_of

log = structlog.get_logger(__name__)


def exception_handler(
    exc: Exception,
    context: dict[str, Any],  # noqa: ARG001  DRF passes it
) -> Response | None:
    """DRF's hook. None leaves the exception to `server_error`, which logs it and answers 500."""
    error = to_api_error(exc)
    if error is None:
        return None
    return Response(body_of(error), status=status_of(error), headers=error_headers(exc, error))


def error_headers(exc: Exception, error: DomainError) -> dict[str, str]:
    """What the answer of an error carries besides its body."""
    headers: dict[str, str] = {}
    wait = getattr(exc, "wait", None)
    if isinstance(exc, exceptions.APIException) and wait is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    if retry_after_s := error.details.get("retry_after_s"):
        headers["Retry-After"] = str(retry_after_s)
    if status_of(error) == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def to_api_error(exc: Exception) -> DomainError | None:
    """The error an exception means to the sender; None where only the server is to blame."""
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, exceptions.APIException):
        return _from_drf(exc)
    if isinstance(exc, ModelValidationError):
        return _from_model_validation(exc)
    for kinds, code, message in _PLAIN_ERRORS:
        if isinstance(exc, kinds):
            if code in _AWAY:
                _tell(code, exc)
            return DomainError(code, message)
    return None


def _tell(code: ErrorCode, exc: Exception) -> None:
    """The sender hears that a server is away; the operator why, once a second however many ask."""
    now_s = time.monotonic()
    if now_s - _told_at_s.get(code, -_TELL_EVERY_S) < _TELL_EVERY_S:
        return
    _told_at_s[code] = now_s
    why = str(exc).partition("\n")[0] or type(exc).__name__
    log.error("server_does_not_answer", code=code, why=why)


_PLAIN_ERRORS: list[tuple[tuple[type[Exception], ...], ErrorCode, str]] = [
    ((Http404,), ErrorCode.NOT_FOUND, "There is nothing here."),
    ((PermissionDenied,), ErrorCode.FORBIDDEN, "This is not yours to do."),
    (
        (RequestDataTooBig,),
        ErrorCode.PAYLOAD_TOO_LARGE,
        f"Send at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.",
    ),
    (
        (BadRequest, SuspiciousOperation, UnreadablePostError),
        ErrorCode.BAD_REQUEST,
        "The request could not be read.",
    ),
    (
        (OperationalError, InterfaceError),
        ErrorCode.DATABASE_UNAVAILABLE,
        "The database does not answer. Try again shortly.",
    ),
    (
        (redis.RedisError,),
        ErrorCode.REDIS_UNAVAILABLE,
        "Live market data is not available. Try again shortly.",
    ),
]

_AWAY = (ErrorCode.DATABASE_UNAVAILABLE, ErrorCode.REDIS_UNAVAILABLE)
_TELL_EVERY_S = 1.0
_told_at_s: dict[ErrorCode, float] = {}

_DRF_CODES = {
    "parse_error": ErrorCode.MALFORMED_JSON,
    "throttled": ErrorCode.TOO_MANY_REQUESTS,
    "permission_denied": ErrorCode.FORBIDDEN,
}


def _from_drf(exc: exceptions.APIException) -> DomainError:
    if isinstance(exc, exceptions.ValidationError):
        field, message = _first_detail(exc.detail)
        return DomainError(ErrorCode.INVALID_FIELD, message, field)
    if isinstance(exc, exceptions.NotAuthenticated):
        message = "Sign in and send the header 'Authorization: Bearer <token>'."
        return DomainError(ErrorCode.NOT_AUTHENTICATED, message)
    if isinstance(exc, exceptions.UnsupportedMediaType):
        message = "Send JSON with the header 'Content-Type: application/json'."
        return DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    drf_code = exc.get_codes()
    code = drf_code if isinstance(drf_code, str) else exc.default_code
    return DomainError(_DRF_CODES.get(code) or ErrorCode(code.upper()), str(exc.detail))


def _first_detail(detail: Any, field: str | None = None) -> tuple[str | None, str]:
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            name, detail = next(iter(detail.items()))
            field = field if name == "non_field_errors" else name
        else:
            detail = detail[0]
    return field, str(detail)


def _from_model_validation(exc: ModelValidationError) -> DomainError:
    if hasattr(exc, "error_dict"):
        name, messages = next(iter(exc.message_dict.items()))
        field = None if name == "__all__" else name
        return DomainError(ErrorCode.INVALID_FIELD, messages[0], field)
    return DomainError(ErrorCode.INVALID_FIELD, exc.messages[0])


def json_response(error: DomainError) -> HttpResponse:
    """The error as an answer of a view that is not DRF's."""
    return HttpResponse(
        msgspec.json.encode(body_of(error)),
        status=status_of(error),
        content_type="application/json",
    )


def method_not_allowed(request: HttpRequest, allowed: list[str]) -> HttpResponse:
    """The same for a view that is not DRF's."""
    message = exceptions.MethodNotAllowed(str(request.method)).detail
    response = json_response(DomainError(ErrorCode.METHOD_NOT_ALLOWED, str(message)))
    response["Allow"] = ", ".join(allowed)
    return response


def _of_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_admin(request):
        return defaults.bad_request(request, exception)
    message = "The request could not be read. Check its host name, path and length."
    return json_response(to_api_error(exception) or DomainError(ErrorCode.BAD_REQUEST, message))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_admin(request):
        return defaults.permission_denied(request, exception)
    return json_response(DomainError(ErrorCode.FORBIDDEN, "This is not yours to do."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_admin(request):
        return defaults.page_not_found(request, exception)
    message = "There is nothing at this path. See /docs; paths have no trailing slash."
    return json_response(DomainError(ErrorCode.NOT_FOUND, message))


def server_error(request: HttpRequest) -> HttpResponse:
    exception = sys.exc_info()[1]
    error = to_api_error(exception) if isinstance(exception, Exception) else None
    if error is not None and status_of(error) == HTTPStatus.SERVICE_UNAVAILABLE:
        return json_response(error)
    if _of_admin(request):
        return defaults.server_error(request)
    return json_response(internal_error())


def internal_error() -> DomainError:
    message = "Something broke on our side; it is logged. Try again shortly."
    return DomainError(ErrorCode.INTERNAL_ERROR, message)
