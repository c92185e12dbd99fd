"""The operator's view of trading: markets, which they edit, and what the engine made of orders."""

from trading.admin import markets, orders, positions, progress

__all__ = ["markets", "orders", "positions", "progress"]
