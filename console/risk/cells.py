"""The tables of both pages."""

from fractions import Fraction

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.display import user_link
from common.admin.base import Cell, Table, badge, link, list_link, words
from common.admin.changes import NOTHING
from console.health.report import seconds
from console.risk.exposure import Exposure, LiveOrders
from console.risk.lines import MarketMark, PositionLine
from console.risk.markets import HOLDERS_SHOWN, Cover, MarketRisk, SideHolders
from ledger.models import Wallet
from markets.conversions import units_text
from markets.display import average_price, gain_or_loss, money, percent, price, size
from markets.models import Market
from matching.messages.limits import PPM
from trading.admin.rows import position_size, side_badge
from trading.models import Order, Position

_HUNDREDTH_PPM = 100  # of a percent
NO_MARK = badge("no mark", "warn")


# --- figures --------------------------------------------------------------------------------------


def part(of_one: Fraction) -> str:
    """To a hundredth of a percent, rounded down."""
    steps = of_one.numerator * PPM // (of_one.denominator * _HUNDREDTH_PPM)
    return percent(steps * _HUNDREDTH_PPM)


def mark_price(mark: MarketMark) -> Cell:
    if not mark.mark_ticks:
        return NO_MARK
    text = price(mark.mark_ticks, mark.market)
    return words(text, badge("stale", "bad")) if mark.is_stale else text


def mark_age(mark: MarketMark) -> Cell:
    if mark.age_ms is None:
        return NOTHING
    return (
        words(seconds(mark.age_ms), badge("stale", "bad"))
        if mark.is_stale
        else seconds(mark.age_ms)
    )


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
    return f"{line.figures.leverage}×" if line.figures.leverage else "no margin"


def value(line: PositionLine) -> Cell:
    return money(abs(line.figures.value_units)) if line.figures else NO_MARK


def profit(line: PositionLine) -> Cell:
    return gain_or_loss(line.figures.unrealized_pnl_units) if line.figures else NO_MARK


def liquidation_price(line: PositionLine) -> str:
    return price(line.liquidation_ticks, line.mark.market)


# --- the board ------------------------------------------------------------------------------------


def positions_table(title: str, lines: list[PositionLine], *, may_see_exposure: bool) -> Table:
    return Table(
        title,
        Position,
        (
            "trader",
            "position",
            "size",
            "mark",
            "value",
            "unrealised PnL",
            "margin",
            "leverage",
            "liquidation at",
            "distance",
        ),
        [
            (
                trader(line.position, may_see_exposure=may_see_exposure),
                link(Position, line.position.pk, line.position.market_id),
                position_size(line.position),
                mark_price(line.mark),
                value(line),
                profit(line),
                money(line.position.margin_units),
                leverage(line),
                liquidation_price(line),
                distance(line),
            )
            for line in lines
        ],
        empty="Nobody has a position.",
    )


def trader(position: Position, *, may_see_exposure: bool) -> Cell:
    name = user_link(position.user)
    return words(name, exposure_link(position.user_id, "exposure")) if may_see_exposure else name


def exposure_link(user_id: int, text: str) -> SafeString:
    url = reverse("admin:risk-trader", args=[user_id])
    return format_html('<a href="{}">{}</a>', url, text)


def cover_table(risks: list[MarketRisk]) -> Table:
    return Table(
        "Insurance cover",
        Market,
        (
            "market",
            "mark",
            "age of the mark",
            "positions",
            "value",
            "nearest of ten",
            "furthest of ten",
            "ten would take",
            "fund",
            "cover",
        ),
        [_cover_cells(risk) for risk in risks],
        empty="There are no markets yet.",
        note="The ten positions nearest to liquidation would take from the fund: each closed 1 % past "
        "the price at which its equity is nothing, or at the mark where that is worse.",
    )


def _cover_cells(risk: MarketRisk) -> tuple[Cell, ...]:
    market, near = risk.mark.market, risk.cover.nearest
    open_ones = f"market__id__exact={market.pk}&state=open"
    return (
        link(Market, market.pk),
        price(risk.mark.mark_ticks, market) if risk.mark.mark_ticks else NO_MARK,
        mark_age(risk.mark),
        list_link(Position, open_ones, f"{risk.positions:,}"),
        money(risk.gross_units) if risk.mark.mark_ticks else NO_MARK,
        _near(near[0]) if near else NOTHING,
        _near(near[-1]) if near else NOTHING,
        money(risk.cover.needed_units) if near else NOTHING,
        money(risk.cover.fund_units),
        _cover(risk.cover),
    )


def _near(line: PositionLine) -> Cell:
    return link(Position, line.position.pk, distance(line))


def _cover(cover: Cover) -> Cell:
    if not cover.nearest:
        return NOTHING
    if cover.missing_units:
        return badge(f"{money(cover.missing_units)} missing", "bad")
    return badge("covered", "ok")


def holders_table(risks: list[MarketRisk]) -> Table:
    places = [f"{number}." for number in range(1, HOLDERS_SHOWN + 1)]
    return Table(
        "Concentration",
        Position,
        ("market", "side", "traders", "open interest", *places, "together"),
        [
            _holder_cells(risk.mark.market, side)
            for risk in risks
            for side in risk.sides
            if side.count
        ],
        empty="Nobody has a position.",
        note="Shares of one side's open interest. By trader: accounts have no families.",
    )


def _holder_cells(market: Market, side: SideHolders) -> tuple[Cell, ...]:
    shares = [_share(row, side) for row in side.largest]
    return (
        link(Market, market.pk),
        side_badge(side.side),
        f"{side.count:,}",
        size(side.lots, market),
        *shares,
        *[NOTHING] * (HOLDERS_SHOWN - len(shares)),
        part(Fraction(sum(abs(row.position_lots) for row in side.largest), side.lots)),
    )


def _share(position: Position, side: SideHolders) -> Cell:
    share = part(Fraction(abs(position.position_lots), side.lots))
    return words(link(Position, position.pk, share), user_link(position.user))


# --- a trader -------------------------------------------------------------------------------------


def exposure_table(exposure: Exposure) -> Table:
    foot: tuple[Cell, ...] = (
        "Sum",
        "",
        "",
        "",
        "",
        money(exposure.gross_units),
        gain_or_loss(exposure.unrealized_pnl_units),
        money(exposure.margin_units),
        *[""] * 4,
    )
    return Table(
        "Positions",
        Position,
        (
            "position",
            "size",
            "entry price",
            "mark",
            "age of the mark",
            "value",
            "unrealised PnL",
            "margin",
            "leverage",
            "margin ratio",
            "liquidation at",
            "distance",
        ),
        [_exposure_cells(line) for line in exposure.lines],
        empty="No open position.",
        foot=foot,
        note=list_link(Position, f"user__id__exact={exposure.user.pk}", "Closed ones, too"),
    )


def _exposure_cells(line: PositionLine) -> tuple[Cell, ...]:
    position, figures = line.position, line.figures
    ratio_ppm = figures.margin_ratio_ppm if figures else None
    return (
        link(Position, position.pk, position.market_id),
        position_size(position),
        average_price(position.entry_cost_units, position.position_lots, position.market),
        mark_price(line.mark),
        mark_age(line.mark),
        value(line),
        profit(line),
        money(position.margin_units),
        leverage(line),
        NOTHING if ratio_ppm is None else units_text(ratio_ppm),
        liquidation_price(line),
        distance(line),
    )


def orders_worth_table(exposure: Exposure) -> Table:
    orders = exposure.orders
    return Table(
        "Live orders",
        Order,
        ("market", "orders", "to buy", "to sell", "held for them", "of the whole position"),
        [_orders_cells(exposure.user.pk, of_market) for of_market in orders],
        empty="No live order.",
        foot=(
            "Sum",
            f"{sum(one.count for one in orders):,}",
            money(sum(one.long_units for one in orders)),
            money(sum(one.short_units for one in orders)),
            money(sum(one.held_units for one in orders)),
            "",
        ),
        note="What is left of each, at its price; at the mark where it has none. "
        "An order of the whole position has no size before it fires.",
    )


def _orders_cells(user_id: int, orders: LiveOrders) -> tuple[Cell, ...]:
    market = orders.mark.market
    query = f"user__id__exact={user_id}&market__id__exact={market.pk}"
    return (
        link(Market, market.pk),
        list_link(Order, query, f"{orders.count:,}"),
        money(orders.long_units),
        money(orders.short_units),
        money(orders.held_units),
        f"{orders.of_whole_position:,}" if orders.of_whole_position else NOTHING,
    )


def wallet_figures(exposure: Exposure) -> list[tuple[str, Cell]]:
    """The sum lines at the top of the page."""
    equity = exposure.equity
    figures: list[tuple[str, Cell]] = [
        ("Value of all positions", money(exposure.gross_units)),
        ("Longs less shorts", gain_or_loss(exposure.net_units)),
        ("Unrealised PnL", gain_or_loss(exposure.unrealized_pnl_units)),
        ("Margin", money(exposure.margin_units)),
    ]
    if equity is None:
        return [*figures, ("Wallet", "none")]
    user_id = exposure.user.pk
    return [
        *figures,
        ("Available", link(Wallet, user_id, money(equity.available_units))),
        ("Held for orders", link(Wallet, user_id, money(equity.held_units))),
        ("Equity", gain_or_loss(equity.equity_units)),
    ]
