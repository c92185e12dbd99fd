"""The steps of a market, which turn its ticks and lots into the decimals clients read."""

from dataclasses import dataclass
from decimal import Decimal

from markets.conversions import lots_text, ticks_text
from markets.models import Market


@dataclass(frozen=True)
class Scale:
    market_id: str
    tick_size: Decimal
    lot_size: Decimal
    units_per_tick_lot: int

    @classmethod
    def of(cls, market: Market) -> "Scale":
        return cls(market.pk, market.tick_size, market.lot_size, market.units_per_tick_lot)

    def price(self, ticks: int) -> str:
        return ticks_text(ticks, self.tick_size)

    def price_or_none(self, ticks: int) -> str | None:
        """Zero ticks are no price."""
        return self.price(ticks) if ticks else None

    def size(self, lots: int) -> str:
        return lots_text(lots, self.lot_size)
