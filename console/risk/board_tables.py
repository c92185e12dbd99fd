"""The tables of the board."""

from fractions import Fraction

from accounts.display import user_link
from common.admin import NOTHING
from common.admin.base import Cell, Table, badge, link, list_link, words
from console.risk.cells import (
    NO_MARK,
    distance,
    exposure_link,
    leverage,
    liquidation_price,
    mark_age,
    mark_price,
    part,
    profit,
    value,
)
from console.risk.lines import PositionLine
from console.risk.markets import HOLDERS_SHOWN, Cover, MarketRisk, SideHolders
from markets.display import money, price, size
from markets.models import Market
from trading.admin.row_tables import position_size, side_badge
from trading.models import Position


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
        note="What the ten positions nearest to liquidation would take from the fund, each closed "
        "1 % past the price at which its equity is nothing, or at the mark where that is worse.",
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
