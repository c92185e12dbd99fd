"""Liquidations, each explained: what the engine saw, why that was too little, and what it did."""

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import F, QuerySet, Sum

from accounts.display import user_column, user_link
from accounts.models import User
from common.admin import NOTHING, when
from common.admin.base import (
    TABLE_ROWS_MAX,
    Cell,
    RecordAdmin,
    Table,
    badge,
    link,
    list_link,
    shown,
    table_of,
    time_column,
    words,
)
from markets.columns import market_column, money_column, price_column
from markets.display import average_price, gain_or_loss, money, percent, price, size
from markets.models import Market
from matching.messages.vocabulary import CancelReason, ExecutionType, Role
from trading.admin.row_tables import (
    counterparts,
    fills_table,
    lots_and_way,
    orders_table,
    other_key,
)
from trading.archive.picking import of_sequence
from trading.archive.shown import fills_shown
from trading.models import Fill, Liquidation, Order, Position
from trading.positions.figures import liquidated_margin_ratio_ppm, value_units

# The index over sequences has only these.
FORCED = (ExecutionType.LIQUIDATION, ExecutionType.ADL)
FORCED_QUERY = f"execution__in={','.join(FORCED)}"


def _required_units(liquidation: Liquidation) -> int:
    return liquidation.maintenance_units + liquidation.fee_reserve_units


def _value_units(liquidation: Liquidation) -> int:
    """Of the position at the mark price; below zero for a short."""
    scale = liquidation.market.units_per_tick_lot
    return value_units(liquidation.position_lots, scale, liquidation.mark_price_ticks)


def _outcome(liquidation: Liquidation) -> Cell:
    if liquidation.left_lots:
        return badge("still open", "warn")
    if liquidation.deleveraged_lots:
        return badge("deleveraged", "bad")
    return badge("closed", "plain")


@admin.register(Liquidation)
class LiquidationAdmin(RecordAdmin):
    list_display = (
        "id",
        "user_name",
        "market_link",
        "liquidated",
        "position",
        "mark_price",
        "equity",
        "required",
        "outcome",
        "insurance",
        "seq",
    )
    list_filter = ("market",)
    list_select_related = ("user", "market")
    walked_by = ("user__id__exact", "market__id__exact")
    linked_by = ("seq",)
    search_ids = ("id", "seq")
    search_users = ("user",)
    search_help_text = "Liquidation id, sequence, or the beginning of a username."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("user_name", "market_link"),
                    ("outcome", "liquidated"),
                    ("seq", "ordinal"),
                )
            },
        ),
        (
            "The position before",
            {
                "fields": (
                    ("position", "entry_price"),
                    ("margin", "mark_price"),
                    ("equity", "required"),
                )
            },
        ),
    )

    user_name = user_column()
    market_link = market_column()
    liquidated = time_column("liquidated_at", "time")
    position = shown("position", lambda row: lots_and_way(row.position_lots, row.market))
    entry_price = shown(
        "entry price",
        lambda row: average_price(row.entry_cost_units, row.position_lots, row.market),
    )
    mark_price = price_column("mark_price_ticks", "mark price")
    margin = money_column("margin_units", "margin")
    equity = shown("equity", lambda row: money(row.equity_units))
    required = shown("needed", lambda row: money(_required_units(row)))
    outcome = shown("outcome", _outcome)
    insurance = shown(
        "insurance fund", lambda row: gain_or_loss(row.fee_units - row.insurance_paid_units)
    )

    def tables(self, obj: Liquidation) -> Iterable[Table]:
        market = obj.market
        yield _why(obj)
        yield _steps(obj)
        yield _deleveraged(obj)
        query = f"market__id__exact={market.pk}&user__id__exact={obj.user_id}"
        fills = _fills(obj).order_by("id")
        of_files = of_sequence(obj.market_id, obj.seq)
        yield fills_table("Its fills", fills, of_files, f"{query}&seq={obj.seq}&{FORCED_QUERY}")
        cancelled = Order.objects.filter(
            user=obj.user_id,
            market=market,
            reason=CancelReason.LIQUIDATION,
            updated_at=obj.liquidated_at,
        )
        yield orders_table(
            "Orders it cancelled", cancelled, f"{query}&reason={CancelReason.LIQUIDATION}"
        )
        yield _elsewhere(obj)


def _fills(liquidation: Liquidation) -> QuerySet[Fill]:
    """Of the liquidated account, by force, in the same output entry. As a maker it may have met the
    liquidation of another there: that is no part of this one."""
    return Fill.objects.filter(
        user=liquidation.user_id,
        market=liquidation.market_id,
        seq=liquidation.seq,
        role=Role.TAKER,
        execution__in=FORCED,
    )


def _why(liquidation: Liquidation) -> Table:
    """The inequality that made it liquidatable, in its numbers."""
    market = liquidation.market
    equity, required = liquidation.equity_units, _required_units(liquidation)
    sums = f"{money(liquidation.maintenance_units)} + {money(liquidation.fee_reserve_units)}"
    rows: list[tuple[Cell, Cell, Cell]] = [
        ("Margin", gain_or_loss(liquidation.margin_units), "what the position had of its own"),
        (
            "Value at the mark",
            gain_or_loss(_value_units(liquidation)),
            words(
                lots_and_way(liquidation.position_lots, market),
                f"at {price(liquidation.mark_price_ticks, market)}",
            ),
        ),
        (
            "Entry cost",
            gain_or_loss(-liquidation.entry_cost_units),
            "taken off: what was paid for it, or what a short received",
        ),
        ("Equity", gain_or_loss(equity), "margin + value at the mark − entry cost"),
        (
            "Maintenance margin",
            money(liquidation.maintenance_units),
            "of the tier that the value is in",
        ),
        (
            "Fee reserve",
            money(liquidation.fee_reserve_units),
            "what the liquidation fee on all of it comes to",
        ),
    ]
    text = f"{money(equity)} < {sums} = {money(required)}: short of {money(required - equity)}"
    ratio_ppm = liquidated_margin_ratio_ppm(required, equity)
    ratio = NOTHING if ratio_ppm is None else percent(ratio_ppm)
    rows.append(("Margin ratio", ratio, "maintenance margin + fee reserve, over equity"))
    foot = ("Liquidated because", "", words("equity < maintenance + fee reserve:", text))
    return Table("Why", Liquidation, ("what", "amount", "meaning"), rows, foot=foot)


def _limit(liquidation: Liquidation) -> str:
    limit = price(liquidation.limit_ticks, liquidation.market)
    way = "down" if liquidation.position_lots > 0 else "up"
    if liquidation.equity_units > 0:
        return (
            f"an immediate order {way} to {limit}: the bankruptcy price, beyond which closing "
            "would cost more than the margin, or the edge of the price band where that is nearer"
        )
    return (
        f"equity was not above zero, so an immediate order {way} to the edge of the price band, "
        f"{limit}; the fund pays what the margin doesn't, as far as it can"
    )


def _steps(liquidation: Liquidation) -> Table:
    market = liquidation.market
    in_book = _fills(liquidation).filter(execution=ExecutionType.LIQUIDATION)
    book = in_book.aggregate(
        value=Sum(F("price_ticks") * F("size_lots") * market.units_per_tick_lot)
    )
    average = average_price(int(book["value"] or 0), liquidation.filled_lots, market)
    filled = f"{size(liquidation.filled_lots, market)} closed"
    if liquidation.filled_lots:
        filled += f" at {average} on average"
    rows: list[tuple[Cell, Cell, Cell]] = [
        ("1", "Cancel its orders", f"{liquidation.cancelled_orders} cancelled, their holds back"),
        ("2", "Close in the book", words(_limit(liquidation) + ":", filled)),
        ("3", "Deleverage the rest", _deleverage_words(liquidation)),
        (
            "4",
            "Insurance fund",
            words(
                f"{money(liquidation.fee_units)} in as the fee,",
                f"{money(liquidation.insurance_paid_units)} out for what nobody else could pay",
            ),
        ),
        ("5", "What is left", _left_words(liquidation)),
    ]
    return Table("What was done", Liquidation, ("step", "what", "outcome"), rows)


def _deleverage_words(liquidation: Liquidation) -> str:
    if liquidation.deleveraged_lots:
        closed = size(liquidation.deleveraged_lots, liquidation.market)
        return f"{closed} closed against the positions ranked first, at the bankrupt one's cost"
    if liquidation.left_lots and liquidation.equity_units <= 0:
        return "nobody was left to close against, and the fund could not pay: the market was halted"
    if liquidation.left_lots:
        return "not while equity is above zero"
    return "not needed"


def _left_words(liquidation: Liquidation) -> Cell:
    if not liquidation.left_lots:
        return f"flat; {money(liquidation.returned_units)} of margin returned to the trader"
    left = lots_and_way(liquidation.left_lots, liquidation.market)
    if liquidation.equity_units <= 0:
        return words(left, "still open in a market that halted")
    return words(left, "still open; tried again at the next mark price where it is still short")


def _deleveraged(liquidation: Liquidation) -> Table:
    """Who gave up part of a gaining position for it, in the order the engine ranked them."""
    with fills_shown(of_sequence(liquidation.market_id, liquidation.seq)):
        fills = list(_fills(liquidation).filter(execution=ExecutionType.ADL).order_by("trade_id"))
    others = counterparts(fills[:TABLE_ROWS_MAX])
    chosen = [others[other_key(fill)] for fill in fills[:TABLE_ROWS_MAX]]
    positions = Position.objects.filter(
        market=liquidation.market_id, user__in=[fill.user_id for fill in chosen]
    )
    position_of = {position.user_id: position.pk for position in positions}
    return Table(
        "Deleveraged against",
        Fill,
        ("rank", "user", "position", "fill", "size", "price", "realised PnL", "insurance fund"),
        [
            (
                str(rank),
                user_link(fill.user),
                link(Position, position_of.get(fill.user_id), "position"),
                link(Fill, fill.pk),
                size(fill.size_lots, liquidation.market),
                price(fill.price_ticks, liquidation.market),
                gain_or_loss(fill.realized_pnl_units),
                gain_or_loss(fill.insurance_units) if fill.insurance_units else NOTHING,
            )
            for rank, fill in enumerate(chosen, start=1)
        ],
        empty="Nobody: the book took what had to be closed.",
    )


def _elsewhere(liquidation: Liquidation) -> Table:
    """The same output entry, seen from the other lists."""
    of_market = f"market__id__exact={liquidation.market_id}"
    query = f"{of_market}&seq={liquidation.seq}"
    position = Position.objects.filter(user=liquidation.user_id, market=liquidation.market_id)
    attempts = f"{of_market}&user__id__exact={liquidation.user_id}"
    links: list[tuple[Cell, Cell]] = [
        ("all forced fills of this sequence", list_link(Fill, f"{query}&{FORCED_QUERY}", "Fills")),
        ("all liquidations of this sequence", list_link(Liquidation, query, "Liquidations")),
        ("all attempts on this trader here", list_link(Liquidation, attempts, "Liquidations")),
        *(("the position now", link(Position, row.pk, row)) for row in position),
    ]
    return Table(f"Around sequence {liquidation.seq}", Liquidation, ("what", "where"), links)


def liquidations_table(liquidations: QuerySet[Liquidation], more: str) -> Table:
    rows = liquidations.select_related("user", "market")[:10]
    return Table(
        "Latest liquidations",
        Liquidation,
        ("liquidation", "user", "market", "time", "position", "equity", "needed", "outcome"),
        [
            (
                link(Liquidation, row.pk),
                user_link(row.user),
                link(Market, row.market_id),
                when(row.liquidated_at),
                lots_and_way(row.position_lots, row.market),
                money(row.equity_units),
                money(_required_units(row)),
                _outcome(row),
            )
            for row in rows
        ],
        empty="None so far.",
        note=list_link(Liquidation, more, "All of them"),
    )


@table_of(User)
def liquidations_of_user(user: User) -> Table:
    return liquidations_table(Liquidation.objects.filter(user=user), f"user__id__exact={user.pk}")


@table_of(Market)
def liquidations_of_market(market: Market) -> Table:
    return liquidations_table(
        Liquidation.objects.filter(market=market), f"market__id__exact={market.pk}"
    )
