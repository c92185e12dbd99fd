"""What an account still has in the markets, and what else is kept of it."""

from collections.abc import Iterable

from accounts.access.obstacles import register_obstacles
from accounts.people.kept import register_other, register_owner
from trading.models import LIVE_STATUSES, Order, OutboxCommand, Position


@register_obstacles
def left_in_markets(user_id: int) -> Iterable[str]:
    """No order comes in meanwhile: it would hold money, and the wallet is empty and locked, or
    reduce a position, and there is none."""
    positions = Position.objects.filter(user_id=user_id).exclude(position_lots=0)
    for market_id in positions.order_by("market_id").values_list("market_id", flat=True):
        yield f"there is a position in {market_id}: close it"
    live = Order.objects.filter(user_id=user_id, status__in=LIVE_STATUSES).count()
    if live:
        yield f"{live} orders are open or waiting: cancel them"
    waiting = OutboxCommand.objects.filter(applied_seq=None, payload__account_id=user_id)
    if waiting.exists():
        yield "a command is on its way: try again shortly"


register_owner("trading.OutboxCommand", "created_by")
register_owner("trading.ReferralPayment", "referrer")
register_other("trading.ReferralPayment", "user")  # whose fees they were
register_other("trading.OrderName", "user")  # told with the order that it names
