"""The positions that come first by a key, of all markets or of one."""

from fractions import Fraction

from console.risk.first import Found, PositionOrder, first_ids, first_of_each_market
from console.risk.lines import MarketMark, PositionLine, lines_of
from trading.models import Position

SHOWN_MAX = 50
_LAST = (2, Fraction(0))
_NEVER = (1, Fraction(0))


def first_of_markets(key: PositionOrder, marks: dict[str, MarketMark]) -> Found:
    """What `first_lines` chooses from."""
    asked = [(mark.rules, mark.mark_ticks) for mark in marks.values()]
    return first_of_each_market(key, asked, SHOWN_MAX)


def first_lines(
    key: PositionOrder, marks: dict[str, MarketMark], found: Found
) -> list[PositionLine]:
    """At most `SHOWN_MAX`; those of equal figures by id."""
    lines = open_lines(first_ids(found, SHOWN_MAX), marks)
    return ordered(key, lines)[:SHOWN_MAX]


def open_lines(ids: list[int], marks: dict[str, MarketMark]) -> list[PositionLine]:
    """Of these positions, as far as they are open still."""
    rows = Position.objects.filter(pk__in=ids).exclude(position_lots=0)
    return lines_of(rows.select_related("user"), marks)


def ordered(key: PositionOrder, lines: list[PositionLine]) -> list[PositionLine]:
    """By the exact figures; whoever has none comes last."""
    return sorted(lines, key=lambda line: (_rank(key, line), line.position.pk))


def _rank(key: PositionOrder, line: PositionLine) -> tuple[int, Fraction]:
    """Smaller comes first."""
    figures, margin = line.figures, line.position.margin_units
    if figures is None:
        return _LAST
    if key is PositionOrder.DISTANCE:
        return _NEVER if line.distance is None else (0, line.distance)
    if key is PositionOrder.LOSS:
        return 0, Fraction(figures.unrealized_pnl_units)
    if key is PositionOrder.PROFIT:
        return 0, Fraction(-figures.unrealized_pnl_units)
    value = abs(figures.value_units)
    if key is PositionOrder.VALUE:
        return 0, Fraction(-value)
    return (0, Fraction(-value, margin)) if margin else (-1, Fraction(0))
