"""What Postgres holds of candles, for tests that have Django at hand."""

from markets.models import Market
from tests.ledger.naive_candles import candle_differences
from trading.models import Candle, Fill


def differences_of_candles() -> list[str]:
    markets = Market.objects.all()
    return candle_differences(
        list(Fill.objects.values()),
        list(Candle.objects.values()),
        {market.pk: market.units_per_tick_lot for market in markets},
    )
