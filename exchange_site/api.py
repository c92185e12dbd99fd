"""How the API answers: one shape of errors, one renderer.

Every answer that is not a success is ``{"message": what to change, "code": "UPPER_SNAKE"}``, with
``"field"`` where one field is at fault. Services raise `ApiError`; everything else that can go
wrong on the way to a view is translated here.
"""

import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
import redis
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
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response


class ApiError(Exception):
    """A request that can't be served, and what its sender should change."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, **details: Any
    ) -> None:
        """``details``: further members of the body, as in `exchange_site.schema.Error`."""
        super().__init__(message)
        self.status = int(status)
        self.code = code
        self.message = message
        self.field = field
        self.details = details

    def body(self) -> dict[str, Any]:
        body = {"message": self.message, "code": self.code, **self.details}
        if self.field is not None:
            body["field"] = self.field
        return body


def invalid(field: str, message: str, code: str = "INVALID_FIELD") -> ApiError:
    """The 400 of one bad field."""
    return ApiError(HTTPStatus.BAD_REQUEST, code, message, field)


def unknown(field: str, what: str, known: Iterable[str] = ()) -> ApiError:
    """The 400 of what a call does not take, and would otherwise drop in silence."""
    names = ", ".join(known)
    message = f"{what}. Known are {names}." if names else f"{what}."
    return invalid(field, message, "UNKNOWN_FIELD")


# --- errors ---------------------------------------------------------------------------------------


def exception_handler(
    exc: Exception,
    context: dict[str, Any],  # noqa: ARG001  DRF passes it
) -> Response | None:
    """DRF's hook. None leaves the exception to `server_error`, which logs it and answers 500."""
    error = to_api_error(exc)
    if error is None:
        return None
    return Response(error.body(), status=error.status, headers=error_headers(exc, error))


def error_headers(exc: Exception, error: ApiError) -> dict[str, str]:
    """What the answer of an error carries besides its body."""
    headers: dict[str, str] = {}
    wait = getattr(exc, "wait", None)
    if isinstance(exc, exceptions.APIException) and wait is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def to_api_error(exc: Exception) -> ApiError | None:
    """The error an exception means to the sender; None where only the server is to blame."""
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, exceptions.APIException):
        return _from_drf(exc)
    if isinstance(exc, ModelValidationError):
        return _from_model_validation(exc)
    for kinds, status, code, message in _PLAIN_ERRORS:
        if isinstance(exc, kinds):
            return ApiError(status, code, message)
    return None


_PLAIN_ERRORS: list[tuple[tuple[type[Exception], ...], HTTPStatus, str, str]] = [
    ((Http404,), HTTPStatus.NOT_FOUND, "NOT_FOUND", "There is nothing here."),
    ((PermissionDenied,), HTTPStatus.FORBIDDEN, "FORBIDDEN", "This is not yours to do."),
    (
        (RequestDataTooBig,),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        f"Send at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.",
    ),
    (
        (BadRequest, SuspiciousOperation, UnreadablePostError),
        HTTPStatus.BAD_REQUEST,
        "BAD_REQUEST",
        "The request could not be read.",
    ),
    (
        (OperationalError, InterfaceError),
        HTTPStatus.SERVICE_UNAVAILABLE,
        "DATABASE_UNAVAILABLE",
        "The database does not answer. Try again shortly.",
    ),
    (
        (redis.RedisError,),
        HTTPStatus.SERVICE_UNAVAILABLE,
        "REDIS_UNAVAILABLE",
        "Live market data is not available. Try again shortly.",
    ),
]

_DRF_CODES = {
    "parse_error": "MALFORMED_JSON",
    "throttled": "TOO_MANY_REQUESTS",
    "permission_denied": "FORBIDDEN",
}


def _from_drf(exc: exceptions.APIException) -> ApiError:
    if isinstance(exc, exceptions.ValidationError):
        field, message = _first_detail(exc.detail)
        return ApiError(exc.status_code, "INVALID_FIELD", message, field)
    if isinstance(exc, exceptions.NotAuthenticated):
        message = "Sign in and send the header 'Authorization: Bearer <token>'."
        return ApiError(exc.status_code, "NOT_AUTHENTICATED", message)
    if isinstance(exc, exceptions.UnsupportedMediaType):
        message = "Send JSON with the header 'Content-Type: application/json'."
        return ApiError(exc.status_code, "UNSUPPORTED_MEDIA_TYPE", message)
    drf_code = exc.get_codes()
    code = drf_code if isinstance(drf_code, str) else exc.default_code
    return ApiError(exc.status_code, _DRF_CODES.get(code, code.upper()), str(exc.detail))


def _first_detail(detail: Any, field: str | None = None) -> tuple[str | None, str]:
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            name, detail = next(iter(detail.items()))
            field = field if name == "non_field_errors" else name
        else:
            detail = detail[0]
    return field, str(detail)


def _from_model_validation(exc: ModelValidationError) -> ApiError:
    if hasattr(exc, "error_dict"):
        name, messages = next(iter(exc.message_dict.items()))
        field = None if name == "__all__" else name
        return ApiError(HTTPStatus.BAD_REQUEST, "INVALID_FIELD", messages[0], field)
    return ApiError(HTTPStatus.BAD_REQUEST, "INVALID_FIELD", exc.messages[0])


def json_response(error: ApiError) -> HttpResponse:
    """The error as an answer of a view that is not DRF's."""
    return HttpResponse(
        msgspec.json.encode(error.body()), status=error.status, content_type="application/json"
    )


def _of_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_admin(request):
        return defaults.bad_request(request, exception)
    message = "The request could not be read. Check its host name, path and length."
    return json_response(
        to_api_error(exception) or ApiError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", message)
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_admin(request):
        return defaults.permission_denied(request, exception)
    return json_response(ApiError(HTTPStatus.FORBIDDEN, "FORBIDDEN", "This is not yours to do."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _of_admin(request):
        return defaults.page_not_found(request, exception)
    message = "There is nothing at this path. See /docs; paths have no trailing slash."
    return json_response(ApiError(HTTPStatus.NOT_FOUND, "NOT_FOUND", message))


def server_error(request: HttpRequest) -> HttpResponse:
    exception = sys.exc_info()[1]
    error = to_api_error(exception) if isinstance(exception, Exception) else None
    if error is not None and error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return json_response(error)
    if _of_admin(request):
        return defaults.server_error(request)
    return json_response(internal_error())


def internal_error() -> ApiError:
    message = "Something broke on our side; it is logged. Try again shortly."
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)


# --- answering ------------------------------------------------------------------------------------


class StructJSONRenderer(BaseRenderer):
    """Structs, dicts and lists to JSON. Struct fields leave under their encoded names."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002  DRF passes it
        renderer_context: Any = None,  # noqa: ARG002
    ) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, enc_hook=str)
