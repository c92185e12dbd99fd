"""What changes anything in trading. Views, tasks and admin actions call one of these each."""

from trading.services.amending import amend_order
from trading.services.batching import cancel_orders, place_orders
from trading.services.cancelling import (
    cancel_all_orders,
    cancel_order,
    cancel_order_as_operator,
    set_countdown,
)
from trading.services.fee_tiers import assign_fee_tier, check_not_own, is_member
from trading.services.leverage import adjust_margin, set_leverage
from trading.services.markets import (
    configure_market,
    set_market_state,
    settle_market,
)
from trading.services.placing import PlacedOrder, place_order
from trading.services.price_sources import (
    ask_price_sources,
    save_price_source,
    set_price_source_enabled,
    validate_price_source,
)
from trading.services.resending import resend_unseen_commands
from trading.services.top_ups import (
    REASON_MAX,
    approve_top_up,
    fund_insurance,
    refuse_top_up,
    request_top_up,
)

__all__ = [
    "REASON_MAX",
    "PlacedOrder",
    "adjust_margin",
    "amend_order",
    "approve_top_up",
    "ask_price_sources",
    "assign_fee_tier",
    "cancel_all_orders",
    "cancel_order",
    "cancel_order_as_operator",
    "cancel_orders",
    "check_not_own",
    "configure_market",
    "fund_insurance",
    "is_member",
    "place_order",
    "place_orders",
    "refuse_top_up",
    "request_top_up",
    "resend_unseen_commands",
    "save_price_source",
    "set_countdown",
    "set_leverage",
    "set_market_state",
    "set_price_source_enabled",
    "settle_market",
    "validate_price_source",
]
