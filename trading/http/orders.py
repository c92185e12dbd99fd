"""① Placing, looking at, amending and cancelling orders."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.law.countries import is_asker_blocked, require_served
from common.errors import ErrorCode, invalid
from common.http.bodies import parse_body
from common.http.paging import keyset_page, query_words
from common.http.schema import PAGING, documented, query
from common.http.windows import TIME_WINDOW, query_window, timed_page
from common.scopes import Scope
from markets.rules import all_market_rules, market_rules
from matching.messages.vocabulary import OrderStatus, Side
from trading import selectors, services
from trading.http import examples
from trading.http.answers.orders import (
    OrderAnswer,
    OrderPlaced,
    OrdersCancelling,
    OrdersPage,
    amending_answer,
    cancelling_all_answer,
    cancelling_answer,
    order_answer,
    placed_answer,
)
from trading.http.answers.waits import waiting_answer
from trading.http.queries import (
    OF_MARKET,
    client_order_filter,
    market_filter,
)
from trading.orders.opening import opens
from trading.orders.request import OrderChanges, OrderToPlace

OF_STATUS = query("status", f"Of {', '.join(OrderStatus)}, or several with commas.")
BY_CLIENT_ORDER_ID = query("clientOrderId", "What the order was placed with.", required=True)
PROTECTIVE = query(
    "protective",
    "true: waiting reduce-only and closePosition orders go, too.",
    bool,
)


class OrderPlacingView(APIView):
    @documented(
        "Place an order",
        body=OrderToPlace,
        body_example=examples.NEW_ORDER,
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_PLACED,
        errors=(400, 401, 403, 404, 409, 451, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request) -> Response:
        """Holds the money the order may need and sends it to its engine.

        Give `margin` for the whole order or `leverage`; a reduce-only order needs neither. A market
        order has no price and fills at worst at the edge of the price band. A `clientOrderId` that
        was used before answers 200 with the first order under it, and places nothing.

        `takeProfit` and `stopLoss` are placed with it or not at all, and sleep until its first
        fill: then each is a reduce-only conditional order of what is filled of it, and the one that
        fires cancels the other.

        With `priceMatch` a limit order takes its price from the book when it comes there, with
        `visibleQty` the book shows no more than that of it at a time. `other` is a conditional
        order placed with it or not at all: whichever of the two fills, fires or ends first cancels
        the other.

        With a `trigger` the order waits, holding nothing, until the mark or last price fires it: a
        STOP buys when the price rises to the trigger and sells when it falls to it, a TAKE_PROFIT
        the other way round, a TRAILING_STOP when the price has come back by `callback` from its
        best. `closePosition` closes all there is then. A resting or waiting order goes at
        `expiresAt`.

        With `"wait": "result"` the answer comes once the engine has decided, with status 200 and
        the `result`. Where it has not within 2 s the answer is the 202 as without.
        """
        new = parse_body(request, OrderToPlace)
        if opens(new):
            require_served(request.META)
        placed = services.place_order(user_id_of(request), new)
        status, answer = placed_answer(placed)
        if new.wait:
            return waiting_answer([placed], answer, status)
        return Response(answer, status=status)

    @documented(
        "One order, by its client order id",
        answer=OrderAnswer,
        example=examples.ORDER,
        parameters=[BY_CLIENT_ORDER_ID],
        errors=(400, 401, 403, 404, 503),
        operation_id="order_by_client_id_retrieve",
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        return _order(request, _order_id_asked(request))

    @documented(
        "Amend an order, by its client order id",
        body=OrderChanges,
        body_example=examples.ORDER_CHANGES,
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_AMENDING,
        parameters=[BY_CLIENT_ORDER_ID],
        errors=(400, 401, 403, 404, 409, 503),
        operation_id="order_by_client_id_partial_update",
        keys=Scope.TRADE,
    )
    def patch(self, request: Request) -> Response:
        """As by its id."""
        changes = parse_body(request, OrderChanges)
        return _amend(request, _order_id_asked(request), changes)

    @documented(
        "Cancel an order, by its client order id",
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_CANCELLING,
        parameters=[BY_CLIENT_ORDER_ID],
        errors=(400, 401, 403, 404, 409, 503),
        operation_id="order_by_client_id_destroy",
        keys=Scope.TRADE,
    )
    def delete(self, request: Request) -> Response:
        """As by its id."""
        return _cancel(request, _order_id_asked(request))


class OrderView(APIView):
    @documented(
        "One order",
        answer=OrderAnswer,
        example=examples.ORDER,
        errors=(401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request, order_id: int) -> Response:
        return _order(request, order_id)

    @documented(
        "Amend an order",
        body=OrderChanges,
        body_example=examples.ORDER_CHANGES,
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_AMENDING,
        errors=(400, 401, 403, 404, 409, 503),
        keys=Scope.TRADE,
    )
    def patch(self, request: Request, order_id: int) -> Response:
        """Asks the engine for another price, size or `visibleQty`; of an order that waits also for
        another `trigger`, in one step. What is not given stays, as amendments that are on their way
        leave it.

        At the same price no more lots, and no more of them shown, keep the order's place in the
        queue.
        """
        return _amend(request, order_id, parse_body(request, OrderChanges))

    @documented(
        "Cancel an order",
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_CANCELLING,
        errors=(401, 403, 404, 409, 503),
        keys=Scope.TRADE,
    )
    def delete(self, request: Request, order_id: int) -> Response:
        """Asks the engine to cancel what is left of it. A fill may still be faster."""
        return _cancel(request, order_id)


def _order_id_asked(request: Request) -> int:
    """By ?clientOrderId=; 0, which no order has, if there is none under it."""
    client_order_id = request.query_params.get("clientOrderId")
    if client_order_id is None:
        raise invalid("clientOrderId", "Give clientOrderId.", ErrorCode.MISSING_FIELD)
    (order_id,) = selectors.order_ids_under(user_id_of(request), [client_order_id])
    return order_id


def _order(request: Request, order_id: int) -> Response:
    order = selectors.order_of_user(user_id_of(request), order_id)
    algo_ids = selectors.algo_ids_of([order])
    return Response(order_answer(order, market_rules(order.market_id), algo_ids))


def _amend(request: Request, order_id: int, changes: OrderChanges) -> Response:
    order = services.amend_order(
        user_id_of(request), order_id, changes, is_blocked=is_asker_blocked(request.META)
    )
    return Response(amending_answer(order), status=202)


def _cancel(request: Request, order_id: int) -> Response:
    order = services.cancel_order(user_id_of(request), order_id)
    return Response(cancelling_answer(order), status=202)


class OrdersCancellingView(APIView):
    @documented(
        "Cancel all orders",
        status=202,
        answer=OrdersCancelling,
        example=examples.ORDERS_CANCELLING,
        parameters=[OF_MARKET, query("side", "Only LONG or only SHORT orders."), PROTECTIVE],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.TRADE,
    )
    def delete(self, request: Request) -> Response:
        """Asks the engine of the market, or of all markets, to cancel open and waiting orders.
        Waiting orders that only reduce, such as stops, stay unless `protective` is true."""
        protective = _protective(request)
        markets = services.cancel_all_orders(
            user_id_of(request),
            market_filter(request),
            _side_filter(request),
            protective=protective,
        )
        return Response(cancelling_all_answer(markets, protective=protective), status=202)


class OrdersView(APIView):
    may_be_old = True

    @documented(
        "My orders",
        answer=OrdersPage,
        example=examples.ORDERS,
        parameters=[
            OF_STATUS,
            OF_MARKET,
            query("clientOrderId", "Only the one with this id of yours."),
            *TIME_WINDOW,
            *PAGING,
        ],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Newest first. `from` and `to` are of `createdAt`."""
        asked = selectors.OrderFilter(
            statuses=query_words(request, "status", list(OrderStatus)),
            market_id=market_filter(request),
            client_order_id=client_order_filter(request),
            window=query_window(request),
        )
        user_id = user_id_of(request)
        rows = selectors.orders_of_user(user_id, asked)
        along = selectors.orders_to_look_along(user_id, asked)
        if asked.window.is_bounded:
            page, next_cursor = timed_page(request, rows, "created_at", along)
        else:
            page, next_cursor = keyset_page(request, rows, along=along)
        rules, algo_ids = all_market_rules(), selectors.algo_ids_of(page)
        orders = [order_answer(row, rules[row.market_id], algo_ids) for row in page]
        return Response(OrdersPage(orders=orders, next_cursor=next_cursor))


def _protective(request: Request) -> bool:
    word = request.query_params.get("protective", "false")
    if word not in ("true", "false"):
        raise invalid("protective", "protective must be true or false.")
    return word == "true"


def _side_filter(request: Request) -> Side | None:
    side = request.query_params.get("side")
    if side is None:
        return None
    if side not in set(Side):
        raise invalid("side", f"side must be one of {', '.join(Side)}.")
    return Side(side)
