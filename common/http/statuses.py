"""HTTP's words for errors: the status of each code, the body, and the names of fields."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from common.errors import DomainError, ErrorCode

_OF_MANY: Mapping[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: """
        NOT_AUTHENTICATED AUTHENTICATION_FAILED WRONG_CREDENTIALS TOKEN_EXPIRED TOKEN_INVALID
        REFRESH_INVALID SESSION_ENDED INVALID_KEY INVALID_SIGNATURE REPLAYED
        TIMESTAMP_OUTSIDE_WINDOW
    """,
    HTTPStatus.FORBIDDEN: """
        FORBIDDEN WRONG_PASSWORD WRONG_SECOND_FACTOR SECOND_FACTOR_REQUIRED
        ACCOUNT_NOT_FOUND ACCOUNT_SUSPENDED OWN_FEE_TIER OWN_POSITION
        OWN_REQUEST ADDRESS_NOT_ALLOWED SCOPE_MISSING MAIN_ACCOUNT_ONLY
        ACCOUNT_CLOSED SIGN_IN_AGAIN TERMS_NOT_ACCEPTED TRANSFERS_CLOSED
    """,
    HTTPStatus.NOT_FOUND: """
        NOT_FOUND MARKET_NOT_FOUND ORDER_NOT_FOUND WALLET_NOT_FOUND SESSION_NOT_FOUND
        KEY_NOT_FOUND FACTOR_NOT_FOUND SUB_ACCOUNT_NOT_FOUND RECIPIENT_NOT_FOUND
        ADDRESS_NOT_IN_BOOK WITHDRAWAL_NOT_FOUND ALGO_NOT_FOUND
    """,
    HTTPStatus.CONFLICT: """
        ACCOUNT_ARCHIVED ACCOUNT_FROZEN ACCOUNT_IN_USE ACCOUNT_NAME_TAKEN ADDRESS_COOLING
        ADDRESS_IN_BOOK ADJUSTMENT_REVERSED ALGO_NOT_LIVE ALGO_NOT_PAUSABLE CLIENT_ALGO_ID_REUSED
        CLIENT_ORDER_ID_IN_USE CLIENT_ORDER_ID_REUSED DEPOSIT_ALREADY_DECIDED FAULT_CHANGED
        FAULT_RESOLVED IDEMPOTENCY_KEY_REUSED INVALID_PRICE_SOURCE INVALID_TRANSITION KEY_NAME_TAKEN
        NOT_AMENDABLE
        NOTHING_TO_QUARANTINE ORDER_NOT_OPEN PASSWORD_CHANGED
        PROPOSAL_NOT_WAITING PROPOSAL_OUTDATED PROPOSAL_WAITING RULES_CHANGED SESSION_NOT_OPEN
        STILL_STOPPED TOO_MANY_ACCOUNTS TOO_MANY_ALGOS TOO_MANY_CODES TOO_MANY_FACTORS TOO_MANY_KEYS
        TOO_MANY_REQUESTED
        TOP_UP_ALREADY_DECIDED USERNAME_TAKEN
        WITHDRAWALS_LOCKED WITHDRAWAL_DECIDED WITHDRAWAL_LIMIT
    """,
    HTTPStatus.SERVICE_UNAVAILABLE: """
        BUSY DATABASE_UNAVAILABLE INTAKE_FULL INTAKE_TIMEOUT REDIS_UNAVAILABLE
        REQUEST_LOST
    """,
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: "COUNTRY_BLOCKED",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.NOT_ACCEPTABLE: "NOT_ACCEPTABLE",
    HTTPStatus.REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
    HTTPStatus.LENGTH_REQUIRED: "LENGTH_REQUIRED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PAYLOAD_TOO_LARGE",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "HEADERS_TOO_LARGE",
    HTTPStatus.TOO_MANY_REQUESTS: "TOO_MANY_REQUESTS",
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL_ERROR",
}
_STATUSES: Mapping[ErrorCode, HTTPStatus] = {
    ErrorCode(word): status for status, words in _OF_MANY.items() for word in words.split()
}


def status_of(error: DomainError) -> HTTPStatus:
    """What is not in the table is something its sender should change: 400."""
    return _STATUSES.get(error.code, HTTPStatus.BAD_REQUEST)


def body_of(error: DomainError) -> dict[str, Any]:
    message = error.message
    for name in error.named:
        if (wire := wire_name(name)) != name:
            message = re.sub(rf"\b{re.escape(name)}\b", wire, message)
    details = {wire_name(name): _in_wire_names(value) for name, value in error.details.items()}
    body = {"message": message, "code": error.code.value, **details}
    if error.field is not None:
        body["field"] = wire_name(error.field) if error.field in error.named else error.field
    return body


def wire_name(name: str) -> str:
    """One of our names in camelCase, as the structs of bodies and answers spell theirs."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _in_wire_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {wire_name(name): of_it for name, of_it in value.items()}
    return value
