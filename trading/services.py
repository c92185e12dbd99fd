"""What changes anything in trading. Views, tasks and admin actions call one of these each."""

from trading.commands.markets import (
    configure_market,
    rules_changed,
    set_market_state,
    settle_market,
)
from trading.commands.proposals import (
    propose_rules,
    restore_or_propose,
    settle_or_propose,
    takes_two,
    tier_changes,
    waiting_rules,
)
from trading.commands.resend import resend_unseen_commands
from trading.commands.top_ups import (
    approve_top_up,
    fund_insurance,
    refuse_top_up,
    request_top_up,
)
from trading.commands.versions import Rules, Why, rules_of, tiers_of
from trading.fee_tiers import assign_fee_tier, check_not_own, is_member, take_out_of_tier
from trading.orders.amending.amend import amend_order
from trading.orders.cancel import (
    cancel_all_orders,
    cancel_market_as_operator,
    cancel_order,
    cancel_order_as_operator,
    cancel_trader_as_operator,
    set_countdown,
)
from trading.orders.place import PlacedOrder, place_order
from trading.positions.close import close_position
from trading.positions.leverage import adjust_margin, set_leverage

__all__ = [
    "PlacedOrder",
    "Rules",
    "Why",
    "adjust_margin",
    "amend_order",
    "approve_top_up",
    "assign_fee_tier",
    "cancel_all_orders",
    "cancel_market_as_operator",
    "cancel_order",
    "cancel_order_as_operator",
    "cancel_trader_as_operator",
    "check_not_own",
    "close_position",
    "configure_market",
    "fund_insurance",
    "is_member",
    "place_order",
    "propose_rules",
    "refuse_top_up",
    "request_top_up",
    "resend_unseen_commands",
    "restore_or_propose",
    "rules_changed",
    "rules_of",
    "set_countdown",
    "set_leverage",
    "set_market_state",
    "settle_market",
    "settle_or_propose",
    "take_out_of_tier",
    "takes_two",
    "tier_changes",
    "tiers_of",
    "waiting_rules",
]
