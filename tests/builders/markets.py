"""A market as most tests have it, to be saved or configured by whoever asked for it."""

from decimal import Decimal
from typing import Any

from markets.models import Market


def build_market(market_id: str = "BTC-PERP", **fields: Any) -> Market:
    """Tick 0.1 USD, lot 0.001: 100 money units per tick and lot. Not saved."""
    values = {
        "base_asset": market_id.split("-", maxsplit=1)[0],
        "tick_size": Decimal("0.1"),
        "lot_size": Decimal("0.001"),
        "max_size_lots": 100_000,
        "max_open_interest_lots": 1_000_000,
    }
    return Market(id=market_id, **(values | fields))
