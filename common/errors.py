"""What a request can be refused with: one exception, one closed list of codes.

Services and selectors raise `DomainError` and know no protocol. Each door has a table from the code
to its own words: HTTP's is `common.http.statuses`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Self


class ErrorCode(StrEnum):
    """Why. A client may tell errors apart by these words; none of them changes its meaning."""

    # the request itself
    BAD_REQUEST = "BAD_REQUEST"
    MALFORMED_JSON = "MALFORMED_JSON"
    LENGTH_REQUIRED = "LENGTH_REQUIRED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    # a field of it
    INVALID_FIELD = "INVALID_FIELD"
    MISSING_FIELD = "MISSING_FIELD"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    INVALID_NUMBER = "INVALID_NUMBER"
    NUMBER_OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_EXPIRY = "INVALID_EXPIRY"
    INVALID_LEVERAGE = "INVALID_LEVERAGE"
    INVALID_PRICE = "INVALID_PRICE"
    INVALID_SIZE = "INVALID_SIZE"
    INVALID_SLIPPAGE = "INVALID_SLIPPAGE"
    INVALID_TIME_IN_FORCE = "INVALID_TIME_IN_FORCE"
    INVALID_TRIGGER = "INVALID_TRIGGER"
    MARGIN_OR_LEVERAGE = "MARGIN_OR_LEVERAGE"
    BATCH_SIZE = "BATCH_SIZE"
    # who asks
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    WRONG_CREDENTIALS = "WRONG_CREDENTIALS"
    WRONG_PASSWORD = "WRONG_PASSWORD"  # noqa: S105  a word
    WRONG_SECOND_FACTOR = "WRONG_SECOND_FACTOR"
    SECOND_FACTOR_REQUIRED = "SECOND_FACTOR_REQUIRED"
    FACTOR_NOT_FOUND = "FACTOR_NOT_FOUND"
    TOO_MANY_FACTORS = "TOO_MANY_FACTORS"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105
    REFRESH_INVALID = "REFRESH_INVALID"
    SESSION_ENDED = "SESSION_ENDED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    SESSION_NOT_OPEN = "SESSION_NOT_OPEN"
    ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
    INVALID_KEY = "INVALID_KEY"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"
    KEY_NOT_FOUND = "KEY_NOT_FOUND"
    KEY_NAME_TAKEN = "KEY_NAME_TAKEN"
    REPLAYED = "REPLAYED"
    SCOPE_MISSING = "SCOPE_MISSING"
    TIMESTAMP_OUTSIDE_WINDOW = "TIMESTAMP_OUTSIDE_WINDOW"
    TOO_MANY_CODES = "TOO_MANY_CODES"
    TOO_MANY_KEYS = "TOO_MANY_KEYS"
    ACCOUNT_ARCHIVED = "ACCOUNT_ARCHIVED"
    ACCOUNT_NAME_TAKEN = "ACCOUNT_NAME_TAKEN"
    ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ACCOUNT_IN_USE = "ACCOUNT_IN_USE"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    COUNTRY_BLOCKED = "COUNTRY_BLOCKED"
    MAIL_TOKEN_INVALID = "MAIL_TOKEN_INVALID"  # noqa: S105
    SIGN_IN_AGAIN = "SIGN_IN_AGAIN"
    TERMS_NOT_ACCEPTED = "TERMS_NOT_ACCEPTED"
    MAIN_ACCOUNT_ONLY = "MAIN_ACCOUNT_ONLY"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105
    SUB_ACCOUNT_NOT_FOUND = "SUB_ACCOUNT_NOT_FOUND"
    TOO_MANY_ACCOUNTS = "TOO_MANY_ACCOUNTS"
    USERNAME_TAKEN = "USERNAME_TAKEN"
    FORBIDDEN = "FORBIDDEN"
    # what is there
    NOT_FOUND = "NOT_FOUND"
    MARKET_NOT_FOUND = "MARKET_NOT_FOUND"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    WALLET_NOT_FOUND = "WALLET_NOT_FOUND"
    # an order, a position
    CLIENT_ORDER_ID_IN_USE = "CLIENT_ORDER_ID_IN_USE"
    CLIENT_ORDER_ID_REUSED = "CLIENT_ORDER_ID_REUSED"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    INSUFFICIENT_MARGIN = "INSUFFICIENT_MARGIN"
    LEVERAGE_IN_USE = "LEVERAGE_IN_USE"
    MARKET_NOT_OPEN = "MARKET_NOT_OPEN"
    MAX_POSITION = "MAX_POSITION"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    NOT_AMENDABLE = "NOT_AMENDABLE"
    NOTHING_TO_AMEND = "NOTHING_TO_AMEND"
    NO_MARK_PRICE = "NO_MARK_PRICE"
    NO_POSITION = "NO_POSITION"
    ORDER_NOT_OPEN = "ORDER_NOT_OPEN"
    PRICE_OUTSIDE_BAND = "PRICE_OUTSIDE_BAND"
    TRIGGER_ALREADY_TRUE = "TRIGGER_ALREADY_TRUE"
    # money
    ADDRESS_COOLING = "ADDRESS_COOLING"
    ADDRESS_IN_BOOK = "ADDRESS_IN_BOOK"
    ADDRESS_NOT_IN_BOOK = "ADDRESS_NOT_IN_BOOK"
    ADJUSTMENT_REVERSED = "ADJUSTMENT_REVERSED"
    DEPOSIT_ALREADY_DECIDED = "DEPOSIT_ALREADY_DECIDED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RECIPIENT_NOT_FOUND = "RECIPIENT_NOT_FOUND"
    TOO_MANY_REQUESTED = "TOO_MANY_REQUESTED"
    TOP_UP_ALREADY_DECIDED = "TOP_UP_ALREADY_DECIDED"
    TRANSFERS_CLOSED = "TRANSFERS_CLOSED"
    WALLET_FULL = "WALLET_FULL"
    WITHDRAWALS_LOCKED = "WITHDRAWALS_LOCKED"
    WITHDRAWAL_DECIDED = "WITHDRAWAL_DECIDED"
    WITHDRAWAL_LIMIT = "WITHDRAWAL_LIMIT"
    WITHDRAWAL_NOT_FOUND = "WITHDRAWAL_NOT_FOUND"
    # operators
    ACCOUNT_FROZEN = "ACCOUNT_FROZEN"
    FAULT_CHANGED = "FAULT_CHANGED"
    FAULT_RESOLVED = "FAULT_RESOLVED"
    INVALID_PRICE_SOURCE = "INVALID_PRICE_SOURCE"
    INVALID_TRANSITION = "INVALID_TRANSITION"
    NOTHING_TO_QUARANTINE = "NOTHING_TO_QUARANTINE"
    OWN_FEE_TIER = "OWN_FEE_TIER"
    OWN_POSITION = "OWN_POSITION"
    OWN_REQUEST = "OWN_REQUEST"
    PROPOSAL_NOT_WAITING = "PROPOSAL_NOT_WAITING"
    PROPOSAL_OUTDATED = "PROPOSAL_OUTDATED"
    PROPOSAL_WAITING = "PROPOSAL_WAITING"
    RULES_CHANGED = "RULES_CHANGED"
    STILL_STOPPED = "STILL_STOPPED"
    # us
    BUSY = "BUSY"
    REQUEST_LOST = "REQUEST_LOST"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    INTAKE_FULL = "INTAKE_FULL"
    INTAKE_TIMEOUT = "INTAKE_TIMEOUT"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    REDIS_UNAVAILABLE = "REDIS_UNAVAILABLE"


class DomainError(Exception):
    """A request that can't be served, and what its sender should change.

    Fields are named in our own words, as in Python; each door says them as its callers do
    (`common.http.statuses` in camelCase).
    """

    def __init__(
        self, code: ErrorCode, message: str, field: str | None = None, **details: Any
    ) -> None:
        """``details``: further members of the answer, as in `common.http.schema.Error`."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.details = details
        self.named: tuple[str, ...] = () if field is None else (field,)

    def naming(self, *fields: str) -> Self:
        """The same, with the fields that its message names, in place of ``field`` alone."""
        self.named = fields
        return self


def invalid(field: str, message: str, code: ErrorCode = ErrorCode.INVALID_FIELD) -> DomainError:
    """One bad field."""
    return DomainError(code, message, field)


def unknown(field: str, what: str, known: Iterable[str] = ()) -> DomainError:
    """What a call does not take, and would otherwise drop in silence. Named as its sender did."""
    names = ", ".join(known)
    message = f"{what}. Known are {names}." if names else f"{what}."
    return invalid(field, message, ErrorCode.UNKNOWN_FIELD).naming()
