"""Why a fill happened: whom it met, at whose price, what it cost; or who was closed by force."""

from django.utils.html import format_html

from accounts.display import user_link
from common.admin.base import Cell, link, words
from console.why.chain import Explanation, Subject, margin_delta
from console.why.endings import EXECUTIONS
from console.why.rules import rules_at
from console.why.stream import Moment, Streams
from markets.display import gain_or_loss, money, percent, price, size
from matching.messages.holds import fee_units
from matching.messages.vocabulary import ExecutionType, Role, Side
from trading.admin.row_tables import counterparts, other_key
from trading.archive.picking import of_sequence
from trading.archive.shown import fills_shown
from trading.models import Fill, Liquidation, Order
from trading.trades import fills_of_trades

# Closing and opening part of a fill are rounded up each by itself.
_ROUNDED_UNITS = 1


def explain_fill(fill: Fill, _streams: Streams) -> Explanation:
    other = counterparts([fill]).get(other_key(fill))
    execution = ExecutionType(fill.execution)
    is_trade = execution is ExecutionType.TRADE
    told = _trade(fill, other) if is_trade else _forced(fill, other, execution)
    return Explanation(
        market=fill.market,
        sentences=[*told, *_money(fill)],
        subject=Subject(fill.user_id, trade_id=fill.trade_id),
        rules=_rules(fill, execution),
        moments=[Moment.of(fill.seq, fill.executed_at)],
        placed=_placed(fill, other),
    )


def _trade(fill: Fill, other: Fill | None) -> list[Cell]:
    verb = "bought" if fill.side == Side.LONG else "sold"
    lots, at = size(fill.size_lots, fill.market), price(fill.price_ticks, fill.market)
    did = format_html("{} {} {} at {}", user_link(fill.user), verb, lots, at)
    if other is None:
        return [did]
    taker, maker = (fill, other) if fill.role == Role.TAKER else (other, fill)
    met = format_html(
        "{} of {} came and met {} of {}, which rested; the price is that of the one that rested.",
        _order(taker), user_link(taker.user), _order(maker), user_link(maker.user),
    )  # fmt: skip
    return [did, met, words("The other side:", link(Fill, other.pk, f"fill {other.pk}"))]


def _order(fill: Fill) -> Cell:
    if fill.order_id is None:
        return "a forced closing"
    return link(Order, fill.order_id, f"order {fill.order_id}")


def _forced(fill: Fill, other: Fill | None, execution: ExecutionType) -> list[Cell]:
    """The taker of a forced fill is whose position was closed."""
    bankrupt = fill if fill.role == Role.TAKER else other
    lots, at = size(fill.size_lots, fill.market), price(fill.price_ticks, fill.market)
    closed = format_html("{} of {} at {}", lots, user_link(fill.user), at)
    if fill.role == Role.TAKER:
        told: list[Cell] = [words(closed, f"closed by force: {EXECUTIONS[execution]}.")]
    elif execution is ExecutionType.ADL:
        told = [words(closed, f"deleveraged: {EXECUTIONS[execution]}.")]
        told.append(_rank(fill))
    else:
        told = [
            words(
                closed, "met a liquidation:", _order(fill), "rested, and is filled as by any order."
            )
        ]
    if bankrupt is not None:
        for row in _liquidations(bankrupt):
            told.append(
                words("The liquidation:", link(Liquidation, row.pk, row), "of", user_link(row.user))
            )
    return told


def _liquidations(bankrupt: Fill) -> list[Liquidation]:
    rows = Liquidation.objects.filter(market=bankrupt.market_id, seq=bankrupt.seq)
    return list(rows.filter(user=bankrupt.user_id).select_related("user").order_by("ordinal"))


def _rank(fill: Fill) -> str:
    """By the numbers of trades: those ranked first are closed first."""
    with fills_shown(of_sequence(fill.market_id, fill.seq)):
        taker = fills_of_trades(fill.market_id, [fill.trade_id]).filter(role=Role.TAKER)
        users = list(taker.values_list("user", flat=True))
        before = Fill.objects.filter(
            market=fill.market_id,
            seq=fill.seq,
            execution=ExecutionType.ADL,
            role=Role.TAKER,
            user__in=users,
            trade_id__lte=fill.trade_id,
        ).count()
    return (
        f"It was number {before} that this liquidation was closed against; the score is not kept."
    )


def _money(fill: Fill) -> list[Cell]:
    told: list[Cell] = []
    if fill.execution == ExecutionType.TRADE or fill.order_id is not None:
        told.append(_fee(fill))
    if fill.realized_pnl_units:
        told.append(words("It realised", gain_or_loss(fill.realized_pnl_units), "before the fee."))
    if fill.insurance_units > 0:
        told.append(f"{money(fill.insurance_units)} went to the insurance fund.")
    if fill.insurance_units < 0:
        told.append(f"The insurance fund paid {money(-fill.insurance_units)} of its loss.")
    if delta := margin_delta(fill):
        told.append(words("By its postings,", delta, "of the position."))
    return told


def _fee(fill: Fill) -> Cell:
    order = fill.order
    if order is None:
        return f"Fee: {money(fill.fee_units)}."
    is_taker = fill.role == Role.TAKER
    rate_ppm = order.taker_fee_ppm if is_taker else order.maker_fee_ppm
    k = fill.market.units_per_tick_lot
    value = k * fill.price_ticks * fill.size_lots
    by_rate = fee_units(k, fill.price_ticks, fill.size_lots, rate_ppm)
    name = "taker" if is_taker else "maker"
    said = f"{percent(rate_ppm)} of {money(value)}, the {name} fee the order was placed with"
    if abs(fill.fee_units - by_rate) <= _ROUNDED_UNITS:
        return f"Fee: {money(fill.fee_units)} = {said}."
    if rate_ppm < 0:
        return f"Fee: {money(fill.fee_units)}; {said}, at most what the taker paid on this fill."
    return f"Fee: {money(fill.fee_units)}; by the order’s terms as they are kept: {said}."


def _rules(fill: Fill, execution: ExecutionType) -> list[tuple[str, Cell]]:
    rules = rules_at(fill.market, fill.seq)
    market = fill.market
    found: list[tuple[str, Cell]] = [("made by", execution)]
    if rules.config is not None:
        found.append(
            ("price band", f"{percent(rules.config.price_band_ppm)} around the mark price")
        )
        if execution is ExecutionType.LIQUIDATION:
            found.append(("liquidation fee", percent(rules.config.liquidation_fee_ppm)))
    found.append(("market’s rules", rules.said))
    steps = f"tick {price(1, market)}, lot {size(1, market)}; they never change"
    return [*found, ("price and size", steps)]


def _placed(fill: Fill, other: Fill | None) -> Order | None:
    """The taker's order, where nothing else can have brought it to the book: it never waited for a
    condition, and no command of the outbox is the entry's (which `causes` asks first)."""
    taker = fill if fill.role == Role.TAKER else other
    order = taker.order if taker else None
    return order if order is not None and order.triggered_at is None else None
