"""The tables of a trader's exposure."""

from common.admin import NOTHING
from common.admin.base import Cell, Table, link, list_link
from console.risk.cells import (
    distance,
    leverage,
    liquidation_price,
    mark_and_age,
    profit,
    value,
)
from console.risk.exposure import Exposure, LiveOrders
from console.risk.lines import PositionLine
from ledger.models import Wallet
from markets.conversions import units_text
from markets.display import average_price, gain_or_loss, money, signed_money
from markets.models import Market
from trading.admin.row_tables import position_size
from trading.models import Order, Position


def exposure_table(exposure: Exposure) -> Table:
    foot: tuple[Cell, ...] = (
        "Sum",
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
            "mark, and its age",
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
        mark_and_age(line.mark),
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
        ("Longs less shorts", signed_money(exposure.net_units)),
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
        ("Equity", money(equity.equity_units)),
    ]
