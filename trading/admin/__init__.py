"""The operator's view of trading: markets, which they edit, and what the engine made of orders."""

from trading.admin import (
    algos,
    fees,
    fills,
    funding,
    journal,
    liquidations,
    lives,
    market_status,
    orders,
    positions,
    traders,
)
from trading.admin.catalogue import markets, tiers, top_ups

__all__ = [
    "algos",
    "fees",
    "fills",
    "funding",
    "journal",
    "liquidations",
    "lives",
    "market_status",
    "markets",
    "orders",
    "positions",
    "tiers",
    "top_ups",
    "traders",
]
