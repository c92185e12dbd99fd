"""① What of a list is asked for: query parameters that several lists of a trader share."""

from rest_framework.request import Request

from common.http.paging import query_int, query_text
from common.http.schema import query
from markets.rules import market_rules
from matching.messages.limits import MAX_ID
from trading import selectors
from trading.orders.terms import CLIENT_ORDER_ID_LENGTH_MAX

OF_MARKET = query("marketId", "Only of this market.")
OF_ORDER = [
    query("orderId", "Only of this order.", int),
    query("clientOrderId", "Only of the order with this id of yours."),
]
NO_ORDER = 0  # an id that no order has


def market_filter(request: Request) -> str | None:
    market_id = request.query_params.get("marketId")
    return None if market_id is None else market_rules(market_id).id


def client_order_filter(request: Request) -> str | None:
    return query_text(request, "clientOrderId", CLIENT_ORDER_ID_LENGTH_MAX)


def order_filter(request: Request, user_id: int) -> int | None:
    """The order asked for by either id, or by both; `NO_ORDER` where they name none."""
    asked = request.query_params
    order_id = query_int(request, "orderId", 0, 1, MAX_ID) if "orderId" in asked else None
    client_order_id = client_order_filter(request)
    if client_order_id is None:
        return order_id
    named = selectors.order_id_of(user_id, client_order_id) or NO_ORDER
    return named if order_id in {None, named} else NO_ORDER
