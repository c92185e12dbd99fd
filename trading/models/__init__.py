"""Rows of trading. Markets are edited by operators and orders inserted by the API; everything the
engine decides (order progress, fills, positions, what happened to them, market status) is written
by `ledger` alone.

Units as in `matching.messages`: ticks, lots, money in millionths.
"""

from trading.models.candle import CANDLE_INTERVALS_MS, Candle
from trading.models.days import TierDay, TraderDay
from trading.models.market_version import MarketVersion
from trading.models.notices import LiquidationsTold, MarginCall
from trading.models.order import LIVE_STATUSES, Fill, LastTrade, Order, OrderName, TradeStretch
from trading.models.outbox import AMEND_COMMANDS, MARKET_COMMANDS, OutboxCommand
from trading.models.position import (
    FundingPayment,
    FundingSettlement,
    Liquidation,
    Position,
    Settlement,
)
from trading.models.position_life import LifeEnding, PositionLife
from trading.models.price_candle import KEPT_INTERVALS_MS, MarketStanding, PriceCandle
from trading.models.top_up import InsuranceTopUp, TopUpStatus
from trading.models.trader import Countdown, FeeTier, TraderLeverage, UserFeeTier
from trading.models.unsent import UnsentMarket

__all__ = [
    "AMEND_COMMANDS",
    "CANDLE_INTERVALS_MS",
    "KEPT_INTERVALS_MS",
    "LIVE_STATUSES",
    "MARKET_COMMANDS",
    "Candle",
    "Countdown",
    "FeeTier",
    "Fill",
    "FundingPayment",
    "FundingSettlement",
    "InsuranceTopUp",
    "LastTrade",
    "LifeEnding",
    "Liquidation",
    "LiquidationsTold",
    "MarginCall",
    "MarketStanding",
    "MarketVersion",
    "Order",
    "OrderName",
    "OutboxCommand",
    "Position",
    "PositionLife",
    "PriceCandle",
    "Settlement",
    "TierDay",
    "TopUpStatus",
    "TradeStretch",
    "TraderDay",
    "TraderLeverage",
    "UnsentMarket",
    "UserFeeTier",
]
