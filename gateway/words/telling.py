"""What a client hears of whatever went wrong."""

import structlog

from common.errors import ErrorCode
from common.http.errors import to_api_error
from gateway.words import errors
from gateway.words.errors import GatewayRefusal, VenueError

log = structlog.get_logger(__name__)


def of_fault(fault: Exception, *, is_cancel: bool, path: str) -> VenueError:
    """Logged if it is ours. ``is_cancel``: an order that isn't there is told of in other words."""
    if isinstance(fault, GatewayRefusal):
        return fault.error
    error = to_api_error(fault)
    if error is None:
        log.error("gateway_call_failed", path=path, exc_info=fault)
        return errors.UNKNOWN_ERROR
    if is_cancel and error.code in (ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_NOT_OPEN):
        return errors.UNKNOWN_ORDER
    return errors.of_refusal(error)
