"""① Many orders in one call, and all of a market's by a countdown."""

from typing import Annotated, Any

from msgspec import Meta
from msgspec.json import schema_components
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.law.countries import is_asker_blocked
from common.errors import invalid
from common.http.bodies import parse_body
from common.http.schema import COMPONENT, documented, query
from common.scopes import Scope
from matching.messages.limits import MAX_ID
from trading import selectors, services
from trading.http import examples
from trading.http.answers.orders import (
    BatchAnswer,
    CountdownSent,
    batch_answer,
    countdown_answer,
)
from trading.http.answers.waits import waiting_answer
from trading.http.items import (
    BATCH_MAX,
    amend_orders,
    cancel_orders,
    check_batch_size,
    place_orders,
)
from trading.http.limits import CallKind, spend_further
from trading.http.positions import Body
from trading.orders.request import Amendment, NewOrder, Wait


# Read one by one, so that a bad one fails alone.
def _up_to_a_batch(item: dict[str, Any]) -> Any:
    return Meta(extra_json_schema={"items": item, "minItems": 1, "maxItems": BATCH_MAX})


_NEW_ORDER = {"$ref": COMPONENT.format(name=NewOrder.__name__)}
_AMENDMENT = schema_components([Amendment], ref_template=COMPONENT)[1][Amendment.__name__]


class NewOrders(Body, frozen=True):
    """With `wait` they are answered once their engines have decided on all, or after 2 s."""

    orders: Annotated[list[Any], _up_to_a_batch(_NEW_ORDER)]
    wait: Wait | None = None


class Amendments(Body, frozen=True):
    orders: Annotated[list[Any], _up_to_a_batch(_AMENDMENT)]


class NewCountdown(Body, frozen=True):
    """0 stops the countdown; at most a day. ``protective``: waiting reduce-only and closePosition
    orders go, too."""

    market_id: str
    countdown_ms: int
    protective: bool = False


class OrdersBatchView(APIView):
    @documented(
        "Place up to 100 orders",
        body=NewOrders,
        body_example=examples.NEW_ORDERS,
        status=202,
        answer=BatchAnswer,
        example=examples.ORDERS_PLACED,
        errors=(400, 401, 403, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request) -> Response:
        """Each order fares on its own, as the results tell in the same order. With
        `"wait": "result"` each has its `result`, where its engine has decided within 2 s; with
        status 200 where all have."""
        body = parse_body(request, NewOrders)
        spend_further(request, self, len(body.orders))
        results = place_orders(
            user_id_of(request), body.orders, is_blocked=is_asker_blocked(request.META)
        )
        if body.wait:
            return waiting_answer(results, batch_answer(results), 202)
        return Response(batch_answer(results), status=202)

    @documented(
        "Amend up to 100 orders",
        body=Amendments,
        body_example=examples.AMENDMENTS,
        status=202,
        answer=BatchAnswer,
        example=examples.ORDERS_BATCH_AMENDING,
        errors=(400, 401, 403, 503),
        keys=Scope.TRADE,
    )
    def patch(self, request: Request) -> Response:
        """Each as `PATCH /order/:id` would, in their order; each fares on its own."""
        body = parse_body(request, Amendments)
        spend_further(request, self, len(body.orders))
        results = amend_orders(
            user_id_of(request), body.orders, is_blocked=is_asker_blocked(request.META)
        )
        return Response(batch_answer(results), status=202)

    @documented(
        "Cancel up to 100 orders",
        status=202,
        answer=BatchAnswer,
        example=examples.ORDERS_BATCH_CANCELLING,
        parameters=[
            query("orderIds", "Ids, separated by commas."),
            query("clientOrderIds", "Client order ids instead, separated by commas."),
        ],
        errors=(400, 401, 403, 503),
        keys=Scope.TRADE,
    )
    def delete(self, request: Request) -> Response:
        """One transaction; each order fares on its own, as the results tell in the same order."""
        name, words = _ids_asked(request)
        check_batch_size(name, len(words))
        spend_further(request, self, len(words))
        user_id = user_id_of(request)
        by_client = name == "clientOrderIds"
        order_ids = selectors.order_ids_under(user_id, words) if by_client else map(int, words)
        results = cancel_orders(user_id, list(order_ids))
        return Response(batch_answer(results), status=202)


def _ids_asked(request: Request) -> tuple[str, list[str]]:
    """The parameter they came with, and each. Nothing is looked up yet: it may be too much."""
    client_ids = request.query_params.get("clientOrderIds")
    if client_ids is not None:
        if "orderIds" in request.query_params:
            raise invalid("clientOrderIds", "Give orderIds or clientOrderIds, not both.")
        return "clientOrderIds", client_ids.split(",")
    words = request.query_params.get("orderIds", "").split(",")
    if not all(word.isascii() and word.isdecimal() and len(word) <= 19 for word in words):
        raise invalid("orderIds", "orderIds must be ids separated by commas, such as 17,18.")
    if max(map(int, words)) > MAX_ID:
        raise invalid("orderIds", f"An id is at most {MAX_ID}.")
    return "orderIds", words


class CountdownView(APIView):
    limited_as = CallKind.CANCELS

    @documented(
        "Cancel all orders after a countdown",
        body=NewCountdown,
        body_example=examples.NEW_COUNTDOWN,
        status=202,
        answer=CountdownSent,
        example=examples.COUNTDOWN_SENT,
        errors=(400, 401, 403, 404, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request) -> Response:
        """Send it again and again while all is well: if you stop, your orders in the market go.
        Waiting orders that only reduce, such as stops, stay unless `protective` is true."""
        body = parse_body(request, NewCountdown)
        command_id = services.set_countdown(
            user_id_of(request), body.market_id, body.countdown_ms, protective=body.protective
        )
        answer = countdown_answer(body.market_id, command_id, protective=body.protective)
        return Response(answer, status=202)
