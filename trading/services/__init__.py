"""What changes anything in trading. Views, tasks and admin actions call one of these each."""

from trading.services.markets import configure_market, set_market_state

__all__ = ["configure_market", "set_market_state"]
