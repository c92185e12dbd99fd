"""① A trader's calls: orders, positions, fills. Views parse, call one service, answer."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import user_id_of
from exchange_site.api import invalid, parse_body
from exchange_site.paging import keyset_page
from exchange_site.schema import PAGING, documented, query
from matching.messages.vocabulary import OrderStatus, Side
from trading import api_examples as examples
from trading import selectors, services
from trading.answers import (
    FillsPage,
    OrderAnswer,
    OrderPlaced,
    OrdersCancelling,
    OrdersPage,
    PositionsPage,
    cancelling_answer,
    fill_answer,
    order_answer,
    placed_answer,
    position_answer,
    stays_words,
)
from trading.market_rules import all_market_rules, market_rules, market_ticker
from trading.services.amending import OrderChanges
from trading.services.terms import NewOrder

OF_MARKET = query("marketId", "Only of this market.")
PROTECTIVE = query(
    "protective",
    "true: waiting reduce-only and closePosition orders go, too.",
    bool,
)
OF_STATUS = query("status", f"One of {', '.join(OrderStatus)}.")


class OrderPlacingView(APIView):
    @documented(
        "Place an order",
        body=NewOrder,
        body_example=examples.NEW_ORDER,
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_PLACED,
        errors=(400, 401, 403, 404, 409, 503),
    )
    def post(self, request: Request) -> Response:
        """Holds the money the order may need and sends it to its engine.

        Give `margin` for the whole order or `leverage`; a reduce-only order needs neither. A market
        order has no price and fills at worst at the edge of the price band. A `clientOrderId` that
        was used before answers 200 with the first order under it, and places nothing.

        With a `trigger` the order waits, holding nothing, until the mark or last price fires it: a
        STOP buys when the price rises to the trigger and sells when it falls to it, a TAKE_PROFIT
        the other way round, a TRAILING_STOP when the price has come back by `callback` from its
        best. `closePosition` closes all there is then. A resting or waiting order goes at
        `expiresAt`.
        """
        placed = services.place_order(user_id_of(request), parse_body(request, NewOrder))
        status, answer = placed_answer(placed)
        return Response(answer, status=status)


class OrderView(APIView):
    @documented(
        "One order",
        answer=OrderAnswer,
        example=examples.ORDER,
        errors=(401, 403, 404, 503),
    )
    def get(self, request: Request, order_id: int) -> Response:
        order = selectors.order_of_user(user_id_of(request), order_id)
        return Response(order_answer(order, market_rules(order.market_id)))

    @documented(
        "Amend an order",
        body=OrderChanges,
        body_example=examples.ORDER_CHANGES,
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_AMENDING,
        errors=(400, 401, 403, 404, 409, 503),
    )
    def patch(self, request: Request, order_id: int) -> Response:
        """Asks the engine for another price, size or both.

        Fewer lots at the same price keep the order's place in the queue.
        """
        changes = parse_body(request, OrderChanges)
        order = services.amend_order(user_id_of(request), order_id, changes)
        answer = OrderPlaced(message="Amendment received.", order_id=order.pk, status=order.status)
        return Response(answer, status=202)

    @documented(
        "Cancel an order",
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_CANCELLING,
        errors=(401, 403, 404, 409, 503),
    )
    def delete(self, request: Request, order_id: int) -> Response:
        """Asks the engine to cancel what is left of it. A fill may still be faster."""
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
    )
    def delete(self, request: Request) -> Response:
        """Asks the engine of the market, or of all markets, to cancel open and waiting orders.
        Waiting orders that only reduce, such as stops, stay unless `protective` is true."""
        protective = _protective(request)
        markets = services.cancel_all_orders(
            user_id_of(request),
            _market_filter(request),
            _side_filter(request),
            protective=protective,
        )
        answer = OrdersCancelling(
            message="Cancels received." + stays_words(protective),
            market_ids=markets,
            protective=protective,
        )
        return Response(answer, status=202)


class OrdersView(APIView):
    @documented(
        "My orders",
        answer=OrdersPage,
        example=examples.ORDERS,
        parameters=[OF_STATUS, OF_MARKET, *PAGING],
        errors=(400, 401, 403, 404, 503),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        asked = user_id_of(request), _status_filter(request), _market_filter(request)
        rows, along = selectors.orders_of_user(*asked), selectors.orders_to_look_along(*asked)
        page, next_cursor = keyset_page(request, rows, along=along)
        rules = all_market_rules()
        orders = [order_answer(row, rules[row.market_id]) for row in page]
        return Response(OrdersPage(orders=orders, next_cursor=next_cursor))


class PositionsView(APIView):
    @documented(
        "My positions",
        answer=PositionsPage,
        example=examples.POSITIONS,
        parameters=[OF_MARKET, query("status", "open (if not given) or all."), *PAGING],
        errors=(400, 401, 403, 404, 503),
    )
    def get(self, request: Request) -> Response:
        """Open positions; with `status=all` also those that are flat now."""
        status = request.query_params.get("status", "open")
        if status not in {"open", "all"}:
            raise invalid("status", "status must be open or all.")
        rows = selectors.positions_of_user(
            user_id_of(request), _market_filter(request), flat_too=status == "all"
        )
        page, next_cursor = keyset_page(request, rows)
        rules = all_market_rules()
        positions = [
            position_answer(
                row, rules[row.market_id], market_ticker(row.market_id).mark_price_ticks
            )
            for row in page
        ]
        return Response(PositionsPage(positions=positions, next_cursor=next_cursor))


class FillsView(APIView):
    @documented(
        "My fills",
        answer=FillsPage,
        example=examples.FILLS,
        parameters=[OF_MARKET, *PAGING],
        errors=(400, 401, 403, 404, 503),
    )
    def get(self, request: Request) -> Response:
        """Newest first; your own side of each trade."""
        user_id, market_id = user_id_of(request), _market_filter(request)
        rows = selectors.fills_of_user(user_id, market_id)
        along = selectors.fills_of_user(user_id) if market_id else None
        page, next_cursor = keyset_page(request, rows, along=along)
        rules = all_market_rules()
        fills = [fill_answer(row, rules[row.market_id]) for row in page]
        return Response(FillsPage(fills=fills, next_cursor=next_cursor))


def _market_filter(request: Request) -> str | None:
    market_id = request.query_params.get("marketId")
    return None if market_id is None else market_rules(market_id).id


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


def _status_filter(request: Request) -> OrderStatus | None:
    status = request.query_params.get("status")
    if status is None:
        return None
    if status not in set(OrderStatus):
        raise invalid("status", f"status must be one of {', '.join(OrderStatus)}.")
    return OrderStatus(status)
