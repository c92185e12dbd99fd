"""The baseline of `benchmarks.intake`: orders placed and cancelled as with DRF and the ORM.

A serializer, the user looked up behind the token, rows read and saved through models, the wallet
locked with ``select_for_update``, one transaction; the command goes to Redis after the commit. It
makes the same rows and the same command as POST /order or DELETE /order/:id, on the same server
with the same settings: connections that stay, the same middleware. `benchmarks.baseline_settings`
serves it beside the project's own paths.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.shortcuts import get_object_or_404
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication

from ledger.models import Account, JournalEntry, Posting, Wallet
from markets.models import Market
from markets.rules import MarketRules
from matching.messages.commands import CancelOrder
from matching.messages.streams import Ticker
from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
)
from trading.commands.order_command import command_of_order
from trading.commands.outbox import NOT_YET, promise_command
from trading.commands.publisher import publish_committed
from trading.models import Order, Position, TraderLeverage, UserFeeTier
from trading.orders.draft import OrderDraft, draft_order
from trading.orders.request import NewOrder
from trading.orders.terms import read_terms
from trading.selectors import TraderStanding


class OrderSerializer(serializers.Serializer[Any]):
    marketId = serializers.PrimaryKeyRelatedField(queryset=Market.objects.all())
    side = serializers.ChoiceField([side.value for side in Side])
    orderType = serializers.ChoiceField([kind.value for kind in OrderType])
    qty = serializers.DecimalField(max_digits=30, decimal_places=12)
    price = serializers.DecimalField(max_digits=30, decimal_places=12)
    margin = serializers.DecimalField(max_digits=30, decimal_places=6)
    reduceOnly = serializers.BooleanField(default=False)
    postOnly = serializers.BooleanField(default=False)
    clientOrderId = serializers.CharField(max_length=64)
    selfTradePrevention = serializers.ChoiceField(
        [mode.value for mode in SelfTradePrevention], default=SelfTradePrevention.EXPIRE_MAKER.value
    )


class BaselineOrderView(APIView):
    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]

    def post(self, request: Request) -> Response:
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        order = place(request.user, **serializer.validated_data)
        body = {"message": "Order received.", "orderId": order.pk, "status": order.status}
        return Response(body, status=202)

    def delete(self, request: Request, order_id: int) -> Response:
        order = cancel(request.user, order_id)
        body = {"message": "Cancel received.", "orderId": order.pk, "status": order.status}
        return Response(body, status=202)


@transaction.atomic
def cancel(user: Any, order_id: int) -> Order:
    """What DELETE /order/:id does for an open order; its command goes by the project's outbox."""
    order = get_object_or_404(Order.objects.select_for_update(), pk=order_id)
    if order.user_id != user.pk:
        raise PermissionDenied
    if order.status != OrderStatus.OPEN:
        raise serializers.ValidationError({"status": "There is nothing left to cancel."})
    command = CancelOrder(
        command_id=NOT_YET, order_id=order.pk, account_id=user.pk, reason=CancelReason.USER
    )
    promise_command(order.market_id, command, user.pk)
    return order


@transaction.atomic
def place(user: Any, marketId: Market, **values: Any) -> Order:
    """What POST /order does for a limit order with margin, in models."""
    draft = _draft(user, marketId, values)
    first = Order.objects.filter(user=user, client_order_id=values["clientOrderId"]).first()
    if first is not None:
        return first
    wallet = Wallet.objects.select_for_update().get(user=user)
    if wallet.available_units < draft.hold_units:
        raise serializers.ValidationError({"margin": "Not enough is available."})
    wallet.available_units -= draft.hold_units
    wallet.held_units += draft.hold_units
    wallet.save()
    order = Order(
        user=user,
        market=marketId,
        client_order_id=draft.terms.client_order_id,
        side=draft.terms.side,
        order_type=draft.terms.order_type,
        time_in_force=draft.terms.time_in_force,
        price_ticks=draft.price_ticks,
        size_lots=draft.terms.size_lots,
        margin_units=draft.terms.margin_units,
        leverage=draft.terms.leverage,
        reduce_only=draft.terms.reduce_only,
        maker_fee_ppm=draft.maker_fee_ppm,
        taker_fee_ppm=draft.taker_fee_ppm,
        self_trade_prevention=draft.terms.self_trade_prevention,
        hold_units=draft.hold_units,
        held_units=draft.hold_units,
        created_at=timezone.now(),
        updated_at=timezone.now(),
    )
    order.save()
    entry = JournalEntry.objects.create(
        kind="order_hold", market=marketId, order_id=order.pk, created_at=order.created_at
    )
    accounts = {row.kind: row for row in Account.objects.filter(user=user)}
    Posting.objects.bulk_create(
        [
            Posting(entry=entry, account=accounts["available"], amount_units=-draft.hold_units),
            Posting(entry=entry, account=accounts["held"], amount_units=draft.hold_units),
        ]
    )
    transaction.on_commit(lambda: publish_committed([(marketId.pk, command_of_order(order))]))
    return order


def _draft(user: Any, market: Market, values: dict[str, Any]) -> OrderDraft:
    """The same checks and the same hold; what they need is read through models."""
    rules = MarketRules.of(market)
    status = market.status
    ticker = Ticker(
        seq=0,
        time_ms=0,
        state=MarketState(status.state),
        mark_price_ticks=status.mark_price_ticks,
        index_price_ticks=status.index_price_ticks,
        last_price_ticks=status.last_price_ticks,
        best_bid_ticks=0,
        best_ask_ticks=0,
        open_interest_lots=0,
    )
    position = Position.objects.filter(user=user, market=market).first()
    leverage = TraderLeverage.objects.filter(user=user, market=market).first()
    member = UserFeeTier.objects.select_related("tier").filter(user=user).first()
    fees = member.tier if member else market
    standing = TraderStanding(
        position_lots=position.position_lots if position else 0,
        leverage=leverage.leverage if leverage else None,
        maker_fee_ppm=fees.maker_fee_ppm,
        taker_fee_ppm=fees.taker_fee_ppm,
    )
    new = NewOrder(
        market_id=market.pk,
        side=Side(values["side"]),
        order_type=OrderType(values["orderType"]),
        qty=values["qty"],
        price=values["price"],
        margin=values["margin"],
        post_only=values["postOnly"],
        reduce_only=values["reduceOnly"],
        client_order_id=values["clientOrderId"],
        self_trade_prevention=SelfTradePrevention(values["selfTradePrevention"]),
    )
    return draft_order(rules, ticker, standing, read_terms(rules, new, standing.leverage))


urlpatterns = [
    path("baseline/order", BaselineOrderView.as_view()),
    path("baseline/order/<int:order_id>", BaselineOrderView.as_view()),
    path("", include("exchange_site.urls")),
]
