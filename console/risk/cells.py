"""Figures of positions and marks, as both pages say them."""

from fractions import Fraction

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.admin import NOTHING
from common.admin.base import Cell, badge, words
from console.health.words import seconds
from console.risk.lines import MarketMark, PositionLine
from markets.display import gain_or_loss, money, percent, price
from markets.display import leverage as leverage_text
from matching.messages.limits import PPM

_HUNDREDTH_PPM = 100  # of a percent
NO_MARK = badge("no mark", "warn")
STALE = badge("stale", "bad")


def part(of_one: Fraction) -> str:
    """To a hundredth of a percent, rounded down."""
    steps = of_one.numerator * PPM // (of_one.denominator * _HUNDREDTH_PPM)
    return percent(steps * _HUNDREDTH_PPM)


def mark_price(mark: MarketMark) -> Cell:
    if not mark.mark_ticks:
        return NO_MARK
    text = price(mark.mark_ticks, mark.market)
    return words(text, STALE) if mark.is_stale else text


def mark_age(mark: MarketMark) -> Cell:
    if mark.age_ms is None:
        return NOTHING
    text = seconds(mark.age_ms)
    return words(text, STALE) if mark.is_stale else text


def mark_and_age(mark: MarketMark) -> Cell:
    if not mark.mark_ticks:
        return NO_MARK
    return words(price(mark.mark_ticks, mark.market), mark_age(mark))


def distance(line: PositionLine) -> Cell:
    if not line.mark.mark_ticks:
        return NO_MARK
    if line.distance is None:
        return "never"
    if line.distance <= 0:
        return badge("liquidatable", "bad")
    return part(line.distance)


def leverage(line: PositionLine) -> Cell:
    if line.figures is None:
        return NO_MARK
    return leverage_text(line.figures.leverage) if line.figures.leverage else "no margin"


def value(line: PositionLine) -> Cell:
    return money(abs(line.figures.value_units)) if line.figures else NO_MARK


def profit(line: PositionLine) -> Cell:
    return gain_or_loss(line.figures.unrealized_pnl_units) if line.figures else NO_MARK


def liquidation_price(line: PositionLine) -> str:
    return price(line.liquidation_ticks, line.mark.market)


def exposure_link(user_id: int, text: str) -> SafeString:
    url = reverse("admin:risk-trader", args=[user_id])
    return format_html('<a href="{}">{}</a>', url, text)
