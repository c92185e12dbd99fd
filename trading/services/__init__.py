"""What changes anything in trading. Views, tasks and admin actions call one of these each."""

from trading.services.cancelling import cancel_all_orders, cancel_order, cancel_order_as_operator
from trading.services.markets import configure_market, set_market_state
from trading.services.placing import PlacedOrder, place_order
from trading.services.resending import resend_unseen_commands

__all__ = [
    "PlacedOrder",
    "cancel_all_orders",
    "cancel_order",
    "cancel_order_as_operator",
    "configure_market",
    "place_order",
    "resend_unseen_commands",
    "set_market_state",
]
