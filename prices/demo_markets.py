"""The markets of a demo installation, and where their synthetic prices begin."""

from dataclasses import dataclass
from decimal import Decimal

from markets.models import LeverageTier, Market
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from prices.models import PriceSource, PriceSourceKind

# By position value in USD: largest leverage, and maintenance margin, half the initial one.
DEMO_TIERS = (
    (0, 50, 10_000),
    (50_000, 25, 20_000),
    (250_000, 10, 50_000),
    (1_000_000, 5, 100_000),
    (5_000_000, 2, 250_000),
)


@dataclass(frozen=True)
class DemoMarket:
    market_id: str
    base_asset: str
    start_price: Decimal
    tick_size: Decimal
    lot_size: Decimal
    max_size: Decimal
    max_open_interest: Decimal
    min_notional: int = 5
    price_band_ppm: int = 100_000
    maker_fee_ppm: int = 200
    taker_fee_ppm: int = 500
    max_open_orders: int = 200
    liquidation_fee_ppm: int = 5_000
    funding_interval_ms: int = 8 * 3_600_000

    def build(self) -> Market:
        """The row, not saved."""
        return Market(
            id=self.market_id,
            base_asset=self.base_asset,
            tick_size=self.tick_size,
            lot_size=self.lot_size,
            min_size_lots=1,
            max_size_lots=int(self.max_size / self.lot_size),
            min_notional_units=self.min_notional * MONEY_UNITS_PER_CURRENCY,
            price_band_ppm=self.price_band_ppm,
            maker_fee_ppm=self.maker_fee_ppm,
            taker_fee_ppm=self.taker_fee_ppm,
            max_open_orders=self.max_open_orders,
            liquidation_fee_ppm=self.liquidation_fee_ppm,
            funding_interval_ms=self.funding_interval_ms,
            max_open_interest_lots=int(self.max_open_interest / self.lot_size),
        )

    def price_source(self) -> PriceSource:
        """The row, not saved."""
        return PriceSource(market_id=self.market_id, kind=PriceSourceKind.SYNTHETIC)

    def tiers(self) -> list[LeverageTier]:
        """The rows, not saved."""
        return [
            LeverageTier(
                floor_units=floor * MONEY_UNITS_PER_CURRENCY,
                max_leverage=leverage,
                maintenance_ppm=maintenance_ppm,
            )
            for floor, leverage, maintenance_ppm in DEMO_TIERS
        ]


DEMO_MARKETS = (
    DemoMarket(
        market_id="BTC-PERP",
        base_asset="BTC",
        start_price=Decimal(50_000),
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        max_size=Decimal(100),
        max_open_interest=Decimal(10_000),
    ),
    DemoMarket(
        market_id="ETH-PERP",
        base_asset="ETH",
        start_price=Decimal(3_000),
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.01"),
        max_size=Decimal(1_500),
        max_open_interest=Decimal(150_000),
    ),
)
START_PRICES = {demo.market_id: demo.start_price for demo in DEMO_MARKETS}
