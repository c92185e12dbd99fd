"""What a request can be refused with: one exception, raised by services and translated by doors."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """A request that can't be served, and what its sender should change."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, **details: Any
    ) -> None:
        """``details``: further members of the body, as in `common.http.schema.Error`."""
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
