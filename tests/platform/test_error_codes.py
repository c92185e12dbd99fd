"""Each error code has one status, and every protocol's table is closed."""

import re
from http import HTTPStatus

from rest_framework import exceptions

from common.errors import DomainError, ErrorCode
from common.http.errors import to_api_error
from common.http.statuses import _OF_MANY, body_of, status_of


def test_a_code_has_one_status() -> None:
    words = [word for words in _OF_MANY.values() for word in words.split()]
    assert len(words) == len(set(words))
    assert {ErrorCode(word) for word in words} <= set(ErrorCode)


def test_codes_are_what_they_are_called() -> None:
    assert all(code.name == code.value for code in ErrorCode)
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code) for code in ErrorCode)


def test_what_is_not_in_the_table_is_the_senders() -> None:
    error = DomainError(ErrorCode.MIN_NOTIONAL, "Too small.", "qty", least="5")
    assert status_of(error) == HTTPStatus.BAD_REQUEST
    assert body_of(error) == {
        "message": "Too small.",
        "code": "MIN_NOTIONAL",
        "least": "5",
        "field": "qty",
    }


def test_every_exception_of_the_framework_has_its_code() -> None:
    def kinds(base: type[exceptions.APIException]) -> set[type[exceptions.APIException]]:
        below = set(base.__subclasses__())
        return below | {deeper for kind in below for deeper in kinds(kind)}

    for kind in kinds(exceptions.APIException):
        if not kind.__module__.startswith("rest_framework."):
            continue
        needs_one = kind in (exceptions.MethodNotAllowed, exceptions.UnsupportedMediaType)
        made = kind("GET") if needs_one else kind()
        error = to_api_error(made)
        assert error is not None
        assert status_of(error) == made.status_code, kind
