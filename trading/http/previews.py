"""① What an order would do, before it is placed."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.http.bodies import parse_body
from common.http.schema import documented
from common.scopes import Scope
from trading.http import examples
from trading.http.answers.previews import OrderPreviewAnswer, preview_answer
from trading.http.limits import CallKind
from trading.orders.preview import preview_order
from trading.orders.request import NewOrder


class OrderPreviewView(APIView):
    limited_as = CallKind.READS

    @documented(
        "Preview an order",
        body=NewOrder,
        body_example=examples.NEW_ORDER,
        answer=OrderPreviewAnswer,
        example=examples.ORDER_PREVIEW,
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def post(self, request: Request) -> Response:
        """What the order would hold, fill against the book as it is, and make of the position, by
        the engine's own rules; nothing is placed or held. What placing it would refuse is refused
        here in the same words, but for want of money, which is told."""
        new = parse_body(request, NewOrder)
        return Response(preview_answer(preview_order(user_id_of(request), new)))
