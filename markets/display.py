"""Figures as operators read them: prices, sizes, money and rates."""

from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from common import decimals
from common.admin import NOTHING
from markets import conversions
from markets.models import Market
from matching.messages.limits import PPM


def money(amount_units: int, currency: str = "USD") -> str:
    """1_234_500_000 → "1,234.50 USD"; more decimals only where there are any."""
    return f"{_grouped(conversions.units_text(amount_units), 2)} {currency}"


def signed_money(amount_units: int, currency: str = "USD") -> str:
    return f"{'+' if amount_units > 0 else ''}{money(amount_units, currency)}"


def price(price_ticks: int, market: Market) -> str:
    """In the quote asset, with the decimals of the tick; a price of zero is none."""
    if not price_ticks:
        return NOTHING
    text = conversions.ticks_text(price_ticks, market.tick_size)
    return f"{_grouped(text, max(2, decimals_of(market.tick_size)))} {market.quote_asset}"


def size(size_lots: int, market: Market) -> str:
    text = conversions.lots_text(size_lots, market.lot_size)
    return f"{_grouped(text, 0)} {market.base_asset}"


def average_price(cost_units: int, size_lots: int, market: Market) -> str:
    """Price at which so many lots cost so much, or nothing for no lots."""
    if not size_lots:
        return NOTHING
    text = conversions.average_price_text(
        abs(cost_units), abs(size_lots), market.units_per_tick_lot, market.tick_size
    )
    return f"{_grouped(text, max(2, decimals_of(market.tick_size)))} {market.quote_asset}"


def percent(rate_ppm: int) -> str:
    return f"{decimals.text(percent_of_ppm(rate_ppm))} %"


def percent_of_ppm(rate_ppm: int) -> Decimal:
    return Decimal(rate_ppm) * 100 / PPM


def plain_percent(rate_ppm: int) -> Decimal:
    """As a form shows it, without exponent or trailing zeros."""
    return Decimal(decimals.text(percent_of_ppm(rate_ppm)))


def leverage(times: str) -> str:
    """To a hundredth."""
    return f"{decimals.text(Decimal(times).quantize(Decimal('0.01')))}×"


def funding_rate(rate_ppb: int) -> str:
    """Signed, since the sign says who pays: above zero longs pay shorts."""
    plain = decimals.text(Decimal(rate_ppb).scaleb(-7))
    return f"{'+' if rate_ppb > 0 else ''}{plain} %"


def decimals_of(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _grouped(plain: str, decimals: int) -> str:
    """Thousands separated, and at least so many decimals."""
    sign = "-" if plain.startswith("-") else ""
    whole, _, rest = plain.removeprefix("-").partition(".")
    rest = rest.ljust(decimals, "0")
    return f"{sign}{int(whole):,}" + (f".{rest}" if rest else "")


def gain_or_loss(amount_units: int) -> SafeString:
    """Coloured, and signed for those who can't tell the colours apart."""
    tone = "gain" if amount_units > 0 else "loss" if amount_units < 0 else "even"
    return format_html('<span class="amount {}">{}</span>', tone, signed_money(amount_units))
