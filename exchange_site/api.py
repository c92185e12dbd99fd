"""How the API speaks JSON: one shape of errors, one parser, one renderer.

Every answer that is not a success is ``{"message": what to change, "code": "UPPER_SNAKE"}``, with
``"field"`` where one field is at fault. Services raise `ApiError`; everything else that can go
wrong on the way to a view is translated here.
"""

import re
import sys
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar, get_args

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
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

DEPTH_MAX = 32

AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)


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
    if isinstance(exc, exceptions.APIException) and (wait := getattr(exc, "wait", None)):
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


# --- reading --------------------------------------------------------------------------------------

_decoder = msgspec.json.Decoder(float_hook=Decimal)


def malformed(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "MALFORMED_JSON", message)


def decode_json(body: bytes) -> Any:
    """JSON with numbers kept to the last digit: whole ones as int, others as Decimal.

    Raises ApiError for what is no JSON, and for what JSON allows but Postgres can't store.
    """
    try:
        data = _decoder.decode(body)
    except UnicodeDecodeError as error:
        raise malformed("Send the body in UTF-8.") from error
    except RecursionError as error:
        raise malformed(f"The body is nested more than {DEPTH_MAX} levels deep.") from error
    except (msgspec.DecodeError, InvalidOperation) as error:
        raise malformed(f"The body is not valid JSON: {_short(error)}.") from error
    _check_nesting(data)
    if rb"\u0000" in body:  # NUL can't be written otherwise
        _check_text(data)
    return data


def _short(error: Exception) -> str:
    if isinstance(error, InvalidOperation):
        return "a number is too large"
    return str(error).removeprefix("JSON is malformed: ").split(" - at ", maxsplit=1)[0][:200]


def _check_nesting(data: Any) -> None:
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(DEPTH_MAX):
        level = [item for held in level for item in _items(held) if isinstance(item, (dict, list))]
        if not level:
            return
    raise malformed(f"The body is nested more than {DEPTH_MAX} levels deep.")


def _items(data: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return data.values() if isinstance(data, dict) else data


def _check_text(data: Any) -> None:
    if isinstance(data, str):
        if "\0" in data:
            raise malformed("Text may not contain the NUL character.")
    elif isinstance(data, dict | list):
        for item in data if isinstance(data, list) else (*data, *data.values()):
            _check_text(item)


class StrictJSONParser(BaseParser):
    """``request.data`` of a JSON body: a dict, by `decode_json`. A larger body is not read."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,  # noqa: ARG002  DRF passes it
        parser_context: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        announced = getattr(stream, "META", {}).get("CONTENT_LENGTH") or "0"
        if int(announced) > limit:  # a non-number never comes here: DRF sees no body then
            raise RequestDataTooBig
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        return decode_object(body)


def decode_object(body: bytes) -> dict[str, Any]:
    """As `decode_json`, of a body that must be an object."""
    data = decode_json(body)
    if not isinstance(data, dict):
        raise malformed("Send a JSON object.")
    return data


def parse_body(request: Request, kind: type[AnyStruct]) -> AnyStruct:
    """The body as a typed struct. Raises ApiError naming the field that is wrong."""
    if not request.data:
        _refuse_unreadable_length(request)
    return to_struct(request.data, kind)


def to_struct(data: Any, kind: type[AnyStruct]) -> AnyStruct:
    """Decoded JSON as a typed struct. Raises ApiError naming the field that is wrong."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _from_msgspec(str(error), kind) from error


def _refuse_unreadable_length(request: Request) -> None:
    announced = request.META.get("CONTENT_LENGTH") or ""
    if request.META.get("HTTP_TRANSFER_ENCODING") or (announced and not announced.isdecimal()):
        message = "Send the body whole, with its Content-Length."
        raise ApiError(HTTPStatus.LENGTH_REQUIRED, "LENGTH_REQUIRED", message)


_MISSING = re.compile(r"^Object missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`", re.DOTALL)
_EXPECTED = re.compile(r"^Expected `([^`]*)`")
_AT = re.compile(r" - at `\$\.?([^`]*)`$", re.DOTALL)
_IN_WORDS = {
    "str": "text",
    "int": "a whole number",
    "decimal": "a number",
    "datetime": "a time with its zone, such as 2026-11-22T12:00:00Z",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def _from_msgspec(text: str, kind: type[msgspec.Struct]) -> ApiError:
    """msgspec's complaint in the API's words."""
    at = _AT.search(text)
    field = at.group(1) if at else None
    if missing := _MISSING.match(text):
        name = f"{field}.{missing.group(1)}" if field else missing.group(1)
        return invalid(name, f"Give {name}.", "MISSING_FIELD")
    if unknown := _UNKNOWN.match(text[: at.start()] if at else text):
        fields = msgspec.structs.fields(_kind_at(kind, field or ""))
        known = ", ".join(known.encode_name for known in fields)
        name = f"{field}.{unknown.group(1)[:64]}" if field else unknown.group(1)[:64]
        return invalid(name, f"Unknown field. Known are {known}.", "UNKNOWN_FIELD")
    if field is None:
        return malformed("Send a JSON object.")
    if expected := _EXPECTED.match(text):
        words = [_IN_WORDS.get(word, word) for word in expected.group(1).split(" | ")]
        return invalid(field, f"{field} must be {' or '.join(words)}.")
    if allowed := _allowed_words(kind, field):
        return invalid(field, f"{field} must be one of {', '.join(allowed)}.")
    return invalid(field, f"{field} is not valid: {text[: at.start() if at else None]}.")


def _allowed_words(kind: type[msgspec.Struct], path: str) -> list[str]:
    outer, _, name = path.rpartition(".")
    parts = _types_of(_kind_at(kind, outer), name)
    return [str(word.value) for part in parts if issubclass(part, Enum) for word in part]


def _kind_at(kind: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    """The struct inside structs that a dotted path leads to."""
    for name in path.split("."):
        kind = next((p for p in _types_of(kind, name) if issubclass(p, msgspec.Struct)), kind)
    return kind


def _types_of(kind: type[msgspec.Struct], name: str) -> list[type]:
    types = [field.type for field in msgspec.structs.fields(kind) if field.encode_name == name]
    return [part for of in types for part in (of, *get_args(of)) if isinstance(part, type)]


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
