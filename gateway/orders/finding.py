"""Which orders a call means. Plain ones and conditional ones are asked for by calls of their own: a
conditional order is plain once it has fired, or where it was sent as one (`StopAsOrder`).
"""

from collections.abc import Collection, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from common.errors import DomainError, ErrorCode
from common.postgres import keysets
from gateway.asking.params import Params
from gateway.models import StopAsOrder
from gateway.words.errors import missing
from gateway.words.symbols import market_of
from trading.models import LIVE_STATUSES, Order
from trading.selectors import order_ids_named

SENT_AS_PLAIN = Exists(
    StopAsOrder.objects.filter(
        user_id=OuterRef("user_id"), client_order_id=OuterRef("client_order_id")
    )
)
PLAIN = Q(trigger_kind__isnull=True) | Q(triggered_at__isnull=False) | Q(SENT_AS_PLAIN)
CONDITIONAL = Q(trigger_kind__isnull=False)
LIVE = Q(status__in=LIVE_STATUSES)


def remember_plain(sent: Collection[tuple[int, str]]) -> None:
    """Conditional orders by user and client order id, before they are placed."""
    rows = [StopAsOrder(user_id=user_id, client_order_id=named) for user_id, named in sent]
    StopAsOrder.objects.bulk_create(rows, ignore_conflicts=True)


def named(params: Params, by_id: str, by_client_id: str) -> tuple[int, str]:
    """The id that the parameters give: ours, or 0 and the client's. Raises GatewayRefusal."""
    order_id = params.whole(by_id, 0)
    if order_id or params.given(by_id):
        return order_id, ""
    if not params.given(by_client_id):
        raise missing(by_id)
    return 0, params.text(by_client_id)


def one_of(user_id: int, kind: Q, order_id: int, client_order_id: str) -> Order:
    """Raises DomainError; somebody else's is none."""
    (found,) = some_of([(user_id, order_id, client_order_id)], kind)
    if found is None:
        raise DomainError(ErrorCode.ORDER_NOT_FOUND, "There is no such order.")
    return found


def some_of(asked: Sequence[tuple[int, int, str]], kind: Q) -> list[Order | None]:
    """Of each user, by our id or by the client's: these are looked up first, together."""
    named_by = [(user_id, name) for user_id, order_id, name in asked if not order_id]
    by_name = dict(zip(named_by, order_ids_named(named_by), strict=True))
    ids = [order_id or by_name[user_id, name] for user_id, order_id, name in asked]
    orders = Order.objects.filter(kind, pk__in={order_id for order_id in ids if order_id})
    found = {(order.user_id, order.pk): order for order in orders}
    pairs = zip(asked, ids, strict=True)
    return [found.get((user_id, order_id)) for (user_id, _, _), order_id in pairs]


def live_of(user_id: int, kind: Q, params: Params) -> list[Order]:
    """Those that are open or wait, the oldest first."""
    orders = Order.objects.filter(LIVE, kind, user_id=user_id)
    if params.given("symbol"):
        orders = orders.filter(market_id=market_of(params.text("symbol")).id)
    return list(orders.order_by("pk"))


def looked_along(orders: QuerySet[Order], user_id: int) -> QuerySet[Order]:
    """Of what no index finds, only among the newest of the user are looked for."""
    own = Order.objects.filter(user_id=user_id)
    oldest = keysets.key_after(own, keysets.LOOK_BACK_ROWS)
    return orders if oldest is None else orders.filter(pk__gte=oldest)
