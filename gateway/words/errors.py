"""Refusals: one table from our codes to the venue's number, status and words.

Where the venue has one sentence for a case it is said, since clients match it; elsewhere our own,
which says what to change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from common.errors import DomainError, ErrorCode
from matching.messages.vocabulary import CancelReason, RejectCode

_BAD = HTTPStatus.BAD_REQUEST
_AUTH = HTTPStatus.UNAUTHORIZED
_AWAY = HTTPStatus.SERVICE_UNAVAILABLE


class VenueError(NamedTuple):
    status: int
    code: int
    msg: str

    def body(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.msg}


class GatewayRefusal(Exception):
    """What only this protocol can refuse: there is no such thing in ours."""

    def __init__(self, error: VenueError) -> None:
        super().__init__(error.msg)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Row:
    """``msg`` None: our own message."""

    code: int
    msg: str | None = None
    status: HTTPStatus = _BAD


NO_KEY = "Invalid API-key, IP, or permissions for action."
UNKNOWN_ORDER = VenueError(_BAD, -2011, "Unknown order sent.")
NO_SUCH_ORDER = VenueError(_BAD, -2013, "Order does not exist.")
NO_SUCH_LISTEN_KEY = VenueError(_BAD, -1125, "This listenKey does not exist.")
POSITION_SIDE = VenueError(_BAD, -4061, "Order's position side does not match user's setting.")
SAME_SIDE_MODE = VenueError(_BAD, -4059, "No need to change position side.")
NO_HEDGE_MODE = VenueError(
    _BAD, -4067, "Position side cannot be changed: positions are one-way here."
)
SAME_MARGIN_TYPE = VenueError(_BAD, -4046, "No need to change margin type.")
NO_CROSS_MARGIN = VenueError(
    _BAD, -4048, "Margin type cannot be changed: positions are isolated here."
)
SAME_ASSETS_MODE = VenueError(_BAD, -4171, "No need to change Multi-Assets mode.")
NO_ASSETS_MODE = VenueError(
    _BAD, -4167, "Unable to adjust to Multi-Assets mode: positions are isolated here."
)
NO_POSITION = VenueError(_BAD, -4054, "Cannot add position margin: position is 0.")
KEY_FORMAT = VenueError(_AUTH, -2014, "API-key format invalid.")
KEY_REFUSED = VenueError(_AUTH, -2015, NO_KEY)
SIGNATURE = VenueError(_BAD, -1022, "Signature for this request is not valid.")
TIMESTAMP = VenueError(_BAD, -1021, "Timestamp for this request is outside of the recvWindow.")
RECV_WINDOW = VenueError(_BAD, -1131, "recvWindow must be less than 60000.")
DUPLICATED_PARAMETER = VenueError(_BAD, -1101, "Duplicate values for a parameter detected.")
TOO_MANY_PARAMETERS = VenueError(_BAD, -1101, "Too many parameters sent for this endpoint.")
ILLEGAL_CHARACTERS = VenueError(_BAD, -1100, "Illegal characters found in a parameter.")
FOK_UNFILLED = VenueError(
    _BAD,
    -5021,
    "Due to the order could not be filled immediately, the FOK order has been rejected.",
)
WOULD_TAKE = VenueError(
    _BAD,
    -5022,
    "Due to the order could not be executed as maker, the Post Only order will be rejected.",
)
INSUFFICIENT = "Account has insufficient balance for requested action."
OVERLOADED = (
    "Server is currently overloaded with other requests. Please try again in a few minutes."
)
UNKNOWN_STATUS = (
    "Timeout waiting for response from backend server. "
    "Send status unknown; execution status unknown."
)
UNKNOWN_ERROR = VenueError(
    _AWAY, -1000, "Unknown error, please check your request or try again later."
)


def no_such_path(path: str, method: str) -> VenueError:
    return VenueError(
        HTTPStatus.NOT_FOUND, -5000, f"Path {path[:200]}, Method {method[:20]} is invalid"
    )


def missing(name: str) -> GatewayRefusal:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return GatewayRefusal(VenueError(_BAD, -1102, text))


def malformed(name: str, why: str = "") -> GatewayRefusal:
    text = f"Data sent for parameter '{name}' is not valid.{' ' if why else ''}{why}"
    return GatewayRefusal(VenueError(_BAD, -1130, text))


_CODES: Mapping[ErrorCode, _Row] = {
    # the request
    ErrorCode.BAD_REQUEST: _Row(-1100),
    ErrorCode.MALFORMED_JSON: _Row(-1102),
    ErrorCode.LENGTH_REQUIRED: _Row(-1100),
    ErrorCode.METHOD_NOT_ALLOWED: _Row(-5000, status=HTTPStatus.NOT_FOUND),
    ErrorCode.NOT_ACCEPTABLE: _Row(-1100),
    ErrorCode.NOT_FOUND: _Row(-5000, status=HTTPStatus.NOT_FOUND),
    ErrorCode.PAYLOAD_TOO_LARGE: _Row(-1101, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ErrorCode.REQUEST_TIMEOUT: _Row(-1100, status=HTTPStatus.REQUEST_TIMEOUT),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: _Row(-1100),
    ErrorCode.TOO_MANY_REQUESTS: _Row(-1003, status=HTTPStatus.TOO_MANY_REQUESTS),
    ErrorCode.MISSING_FIELD: _Row(-1102),
    ErrorCode.INVALID_FIELD: _Row(-1130),
    ErrorCode.UNKNOWN_FIELD: _Row(-1104),
    ErrorCode.INVALID_NUMBER: _Row(-1102),
    ErrorCode.NUMBER_OUT_OF_RANGE: _Row(-1130),
    ErrorCode.INVALID_AMOUNT: _Row(-1130),
    ErrorCode.BATCH_SIZE: _Row(-4082),
    # orders
    ErrorCode.INVALID_EXPIRY: _Row(-5040),
    ErrorCode.INVALID_LEVERAGE: _Row(-4028),
    ErrorCode.INVALID_PRICE: _Row(-4014),
    ErrorCode.INVALID_SIZE: _Row(-1111),
    ErrorCode.INVALID_SLIPPAGE: _Row(-1130),
    ErrorCode.INVALID_TIME_IN_FORCE: _Row(-1115, "Invalid timeInForce."),
    ErrorCode.INVALID_TRIGGER: _Row(-1130),
    ErrorCode.MARGIN_OR_LEVERAGE: _Row(-1106),
    ErrorCode.CLIENT_ORDER_ID_IN_USE: _Row(-4116, "ClientOrderId is duplicated."),
    ErrorCode.CLIENT_ORDER_ID_REUSED: _Row(-4116, "ClientOrderId is duplicated."),
    ErrorCode.INSUFFICIENT_BALANCE: _Row(-2019, INSUFFICIENT),
    ErrorCode.INSUFFICIENT_MARGIN: _Row(-2019),
    ErrorCode.LEVERAGE_IN_USE: _Row(
        -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions."
    ),
    ErrorCode.MARKET_NOT_FOUND: _Row(-1121, "Invalid symbol."),
    ErrorCode.MARKET_NOT_OPEN: _Row(-1122),
    ErrorCode.MAX_POSITION: _Row(
        -2027, "Exceeded the maximum allowable position at current leverage."
    ),
    ErrorCode.MIN_NOTIONAL: _Row(-4164),
    ErrorCode.NOT_AMENDABLE: _Row(-2013, NO_SUCH_ORDER.msg),
    ErrorCode.NOTHING_TO_AMEND: _Row(-5027, "No need to modify the order."),
    ErrorCode.NO_MARK_PRICE: _Row(-1122),
    ErrorCode.NO_POSITION: _Row(-2022, "ReduceOnly Order is rejected."),
    ErrorCode.ORDER_NOT_FOUND: _Row(-2013, NO_SUCH_ORDER.msg),
    ErrorCode.ORDER_NOT_OPEN: _Row(-2011, UNKNOWN_ORDER.msg),
    ErrorCode.PRICE_OUTSIDE_BAND: _Row(-4016),
    ErrorCode.TRIGGER_ALREADY_TRUE: _Row(-2021, "Order would immediately trigger."),
    # who asks
    ErrorCode.INVALID_SIGNATURE: _Row(-1022, SIGNATURE.msg),
    ErrorCode.TIMESTAMP_OUTSIDE_WINDOW: _Row(-1021, TIMESTAMP.msg),
    ErrorCode.REPLAYED: _Row(
        -1021, f"{TIMESTAMP.msg} This very request was served before: sign each anew."
    ),
    ErrorCode.COUNTRY_BLOCKED: _Row(
        -4402, "As per our Terms of Use this feature is not available in your region."
    ),
    ErrorCode.TERMS_NOT_ACCEPTED: _Row(-4401),
    # us
    ErrorCode.BUSY: _Row(-1008, OVERLOADED, _AWAY),
    ErrorCode.INTAKE_FULL: _Row(-1008, OVERLOADED, _AWAY),
    ErrorCode.DATABASE_UNAVAILABLE: _Row(-1008, OVERLOADED, _AWAY),
    ErrorCode.REDIS_UNAVAILABLE: _Row(-1008, OVERLOADED, _AWAY),
    ErrorCode.INTAKE_TIMEOUT: _Row(-1007, UNKNOWN_STATUS, _AWAY),
    ErrorCode.REQUEST_LOST: _Row(-1007, UNKNOWN_STATUS, _AWAY),
    ErrorCode.INTERNAL_ERROR: _Row(-1000, UNKNOWN_ERROR.msg, _AWAY),
}
_KEYS = frozenset(
    {
        ErrorCode.ACCOUNT_CLOSED,
        ErrorCode.ACCOUNT_NOT_FOUND,
        ErrorCode.ACCOUNT_SUSPENDED,
        ErrorCode.ADDRESS_NOT_ALLOWED,
        ErrorCode.AUTHENTICATION_FAILED,
        ErrorCode.FORBIDDEN,
        ErrorCode.INVALID_KEY,
        ErrorCode.MAIN_ACCOUNT_ONLY,
        ErrorCode.NOT_AUTHENTICATED,
        ErrorCode.SCOPE_MISSING,
        ErrorCode.WALLET_NOT_FOUND,
    }
)

_REJECTS: Mapping[RejectCode, _Row] = {
    RejectCode.MARKET_NOT_CONFIGURED: _Row(-1122, "Invalid symbol status."),
    RejectCode.MARKET_STATE: _Row(-1122, "Invalid symbol status."),
    RejectCode.NO_MARK_PRICE: _Row(-1122, "Invalid symbol status."),
    RejectCode.INDEX_STALE: _Row(-1122, "Invalid symbol status."),
    RejectCode.INVALID_SIZE: _Row(-4005, "Quantity greater than max quantity."),
    RejectCode.INVALID_LEVERAGE: _Row(-4028, "Leverage is not valid"),
    RejectCode.INVALID_TIME_IN_FORCE: _Row(-1115, "Invalid timeInForce."),
    RejectCode.MIN_NOTIONAL: _Row(-4164, "Order's notional must be no smaller than the minimum."),
    RejectCode.PRICE_OUTSIDE_BAND: _Row(
        -4016, "Limit price is outside of the band around the mark price."
    ),
    RejectCode.NO_PRICE_TO_MATCH: _Row(-2010, "The book has no price to match."),
    RejectCode.INSUFFICIENT_MARGIN: _Row(-2019, INSUFFICIENT),
    RejectCode.INSUFFICIENT_HOLD: _Row(-2019, INSUFFICIENT),
    RejectCode.REDUCE_ONLY_NO_POSITION: _Row(-2022, "ReduceOnly Order is rejected."),
    RejectCode.NO_POSITION: _Row(-2022, "ReduceOnly Order is rejected."),
    RejectCode.MAX_OPEN_ORDERS: _Row(-2025, "Reach max open order limit."),
    RejectCode.MAX_OPEN_INTEREST: _Row(
        -2027, "Exceeded the maximum allowable position at current leverage."
    ),
    RejectCode.MAX_POSITION: _Row(
        -2027, "Exceeded the maximum allowable position at current leverage."
    ),
    RejectCode.MARKET_FULL: _Row(
        -2027, "Exceeded the maximum allowable position at current leverage."
    ),
    RejectCode.INVALID_TRIGGER: _Row(-1130, "Data sent for parameter 'triggerPrice' is not valid."),
    RejectCode.TRIGGER_ALREADY_TRUE: _Row(-2021, "Order would immediately trigger."),
    RejectCode.INVALID_EXPIRY: _Row(-5040, "The goodTillDate has passed."),
    RejectCode.NOTHING_TO_AMEND: _Row(-5027, "No need to modify the order."),
    RejectCode.UNKNOWN_ORDER: _Row(-2011, UNKNOWN_ORDER.msg),
    RejectCode.NOT_ORDER_OWNER: _Row(-2011, UNKNOWN_ORDER.msg),
}
_ENDINGS: Mapping[CancelReason, VenueError] = {
    CancelReason.FOK_UNFILLED: FOK_UNFILLED,
    CancelReason.POST_ONLY_WOULD_TAKE: WOULD_TAKE,
}

# Our fields, as the venue's clients send them.
_FIELDS: Mapping[str, str] = {
    "market_id": "symbol",
    "qty": "quantity",
    "size": "quantity",
    "order_type": "type",
    "client_order_id": "newClientOrderId",
    "time_in_force": "timeInForce",
    "expires_at": "goodTillDate",
    "price_match": "priceMatch",
    "trigger": "triggerPrice",
    "trigger.price": "triggerPrice",
    "trigger.callback": "callbackRate",
    "reduce_only": "reduceOnly",
    "close_position": "closePosition",
    "countdown_ms": "countdownTime",
    "margin": "leverage",
    "order_id": "orderId",
}


def of_refusal(error: DomainError) -> VenueError:
    """What a client hears of an error of ours."""
    if error.code in _KEYS:
        return KEY_REFUSED
    row = _CODES.get(error.code, _Row(-1000))
    if error.code is ErrorCode.MISSING_FIELD and error.field is not None:
        return missing(_said(error.field)).error
    return VenueError(int(row.status), row.code, row.msg or _in_their_names(error))


def _in_their_names(error: DomainError) -> str:
    text = error.message
    for name in error.named:
        text = text.replace(name, _said(name))
    return text


def _said(field: str) -> str:
    return _FIELDS.get(field, field)


def of_reject(code: RejectCode) -> VenueError:
    """What a client hears of an engine's refusal."""
    row = _REJECTS.get(code, _Row(-2010, f"Order was rejected: {code}."))
    return VenueError(int(row.status), row.code, row.msg or f"Order was rejected: {code}.")


def of_ending(reason: CancelReason) -> VenueError | None:
    """Of an order that its own terms ended before it did anything; None where that is no error."""
    return _ENDINGS.get(reason)
