"""What can go wrong, by whether anything was done.

`ApiError` and its kinds are the exchange's own words: the request was answered, `code` says how.
`NotReached` means that it never left; `OutcomeUnknown`, that it left and no answer came. Calls that
may be repeated are, before either is raised (`exchange_client.retries`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from decimal import Decimal
from typing import Any


class ExchangeError(Exception):
    """Every error of this package that is no mistake in the caller's types."""


class NotReached(ExchangeError):
    """The exchange could not be reached: nothing was done."""


class OutcomeUnknown(ExchangeError):
    """The request was sent, and whether it was carried out is not known.

    Of an order: ask by its client order id, or send the same `NewOrder` again, which is safe."""


class UnexpectedAnswer(ExchangeError):
    """An answer that this version can't read: no JSON, or of another shape."""


class BrokenFile(ExchangeError):
    """What came is not the file that was asked for, and was not kept: another try may."""


@dataclass(eq=False)
class ApiError(ExchangeError):
    """`message` says what to change, `code` is for programs, `field` the member at fault."""

    status: int
    code: str
    message: str
    field: str | None = None
    retry_after_s: int | None = None
    details: Mapping[str, Any] = with_default(default_factory=dict)  # the whole body

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"


class InvalidRequest(ApiError):
    """400, 413, 415, 431: something in the request has to change."""


class InsufficientBalance(InvalidRequest):
    """`required` is what the order would hold, `available` what the account has for it."""

    @property
    def required(self) -> Decimal:
        return Decimal(self.details["required"]["total"])

    @property
    def available(self) -> Decimal:
        return Decimal(self.details["available"])


class MarketNotOpen(InvalidRequest):
    """The market's state does not take this order."""


class NotSignedIn(ApiError):
    """401: sign in, or sign."""


class SessionOver(NotSignedIn):
    """The session has ended, and there is no password here to open another."""


class SecondFactorRequired(NotSignedIn):
    """Show one to `sign_in_factor`, with the `challenge`."""

    @property
    def challenge(self) -> str:
        return str(self.details.get("challenge", ""))

    @property
    def kinds(self) -> list[str]:
        return [str(kind) for kind in self.details.get("kinds", [])]


class NotAllowed(ApiError):
    """403, 451."""


class NotFound(ApiError):
    """404: it isn't there, or is another trader's."""


class Conflict(ApiError):
    """409: contradicts what is there."""


class OrderNotOpen(Conflict):
    """It was filled, cancelled or expired before."""


class ClientOrderIdReused(Conflict):
    """Another order, of other terms, has this client order id."""


class RateLimited(ApiError):
    """429: nothing was done; `retry_after_s` says when as much can be asked."""


class Unavailable(ApiError):
    """408, 5xx: a part of the exchange is away or busy. Whether it was done is open."""


_BY_CODE: dict[str, type[ApiError]] = {
    "INSUFFICIENT_BALANCE": InsufficientBalance,
    "MARKET_NOT_OPEN": MarketNotOpen,
    "SESSION_ENDED": SessionOver,
    "REFRESH_INVALID": SessionOver,
    "ORDER_NOT_OPEN": OrderNotOpen,
    "CLIENT_ORDER_ID_REUSED": ClientOrderIdReused,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    429: RateLimited,
    451: NotAllowed,
}
_SERVER_ERRORS = 500


def api_error(status: int, body: Mapping[str, Any], retry_after_s: int | None = None) -> ApiError:
    """Of the kind that its code says; else of its status."""
    code = str(body.get("code") or f"HTTP_{status}")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = Unavailable if status >= _SERVER_ERRORS else InvalidRequest
    if code == "SECOND_FACTOR_REQUIRED" and status == 401:
        kind = SecondFactorRequired
    return kind(
        status=status,
        code=code,
        message=str(body.get("message", "")),
        field=body.get("field"),
        retry_after_s=retry_after_s,
        details=body,
    )
