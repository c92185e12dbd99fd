"""The operator's view of trading: markets, which they edit, and what the engine made of orders."""

from trading.admin import (
    funding,
    liquidations,
    lives,
    markets,
    orders,
    positions,
    price_sources,
    progress,
    tiers,
    top_ups,
    traders,
)

__all__ = [
    "funding",
    "liquidations",
    "lives",
    "markets",
    "orders",
    "positions",
    "price_sources",
    "progress",
    "tiers",
    "top_ups",
    "traders",
]
