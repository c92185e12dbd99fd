"""What happened to positions other than by their owners' orders, in words: liquidated, funded,
settled."""

from accounts.display import user_link
from common.admin.base import Cell, link, words
from console.why.chain import Explanation, Subject
from console.why.happened import held_words
from console.why.rules import rules_at
from console.why.stream import Moment, Streams
from markets.display import (
    funding_rate,
    gain_or_loss,
    money,
    percent,
    price,
    size,
)
from matching.messages.commands import MarketConfig
from matching.messages.tiers import TierTable
from trading.models import FundingPayment, Liquidation, Settlement


def explain_liquidation(row: Liquidation, _streams: Streams) -> Explanation:
    market = row.market
    required = row.maintenance_units + row.fee_reserve_units
    at = price(row.mark_price_ticks, market)
    parts = f"maintenance {money(row.maintenance_units)} + fee {money(row.fee_reserve_units)}"
    why = f"needs {money(required)} = {parts}; equity was {money(row.equity_units)}"
    value = market.units_per_tick_lot * row.position_lots * row.mark_price_ticks
    terms = (_term("value", value), _term("entry cost", -row.entry_cost_units))
    equity = f"margin {money(row.margin_units)} {' '.join(terms)}"
    rules = rules_at(market, row.seq)
    said: list[tuple[str, Cell]] = [("rule", "equity < maintenance margin + liquidation fee")]
    if rules.config is not None:
        said += _tier(rules.config, abs(value))
    return Explanation(
        market=market,
        sentences=[
            f"liquidated: {why}, at the mark price {at}",
            words(user_link(row.user), "held", f"{held_words(row.position_lots, market)}."),
            f"Equity = {equity} = {money(row.equity_units)}.",
            _what_was_done(row),
            words("Each step, with its fills:", link(Liquidation, row.pk, row)),
        ],
        rules=[*said, ("market’s rules", rules.said)],
        subject=Subject(row.user_id),
        moments=[Moment.of(row.seq, row.liquidated_at)],
    )


def _term(name: str, amount_units: int) -> str:
    """With its sign in front of its name: of a short the value counts against it."""
    return f"{'+' if amount_units >= 0 else '−'} {name} {money(abs(amount_units))}"


def _tier(config: MarketConfig, notional_units: int) -> list[tuple[str, Cell]]:
    tier = TierTable(config).tier_of(notional_units)
    rate = f"{percent(tier.maintenance_ppm)} above {money(tier.floor_units)}"
    fee = f"{percent(config.liquidation_fee_ppm)} of the value"
    return [("tier’s maintenance", rate), ("liquidation fee", fee)]


def _what_was_done(row: Liquidation) -> str:
    market = row.market
    told = [f"{row.cancelled_orders} orders cancelled"]
    told.append(f"{size(row.filled_lots, market)} closed in the book")
    if row.deleveraged_lots:
        told.append(f"{size(row.deleveraged_lots, market)} deleveraged")
    told.append(f"{money(row.fee_units)} to the insurance fund")
    if row.insurance_paid_units:
        told.append(f"{money(row.insurance_paid_units)} paid by it")
    told.append(f"{size(abs(row.left_lots), market)} left")
    return f"{', '.join(told)}."


def explain_payment(row: FundingPayment, _streams: Streams) -> Explanation:
    settled = row.settlement
    market = settled.market
    verb = "received" if row.amount_units > 0 else "paid"
    rate, lots = funding_rate(settled.rate_ppb), abs(row.position_lots)
    value = money(market.units_per_tick_lot * lots * settled.mark_price_ticks)
    per_lot = f"{money(abs(settled.per_lot_units))} per lot × {lots:,} lots"
    at = f"at the mark price {price(settled.mark_price_ticks, market)}"
    side = "longs pay shorts" if settled.per_lot_units > 0 else "shorts pay longs"
    sentences: list[Cell] = [
        f"{verb} {money(abs(row.amount_units))} = {per_lot}",
        words(
            user_link(row.user), "held", held_words(row.position_lots, market), f"{at}: {value}."
        ),
        f"The rate was {rate} of that; {side}. Per lot it is rounded down, and what rounding left "
        "is carried to the next settlement.",
    ]
    if row.from_profit_units:
        sentences.append(
            f"Its margin was too small: {money(row.from_profit_units)} of unrealised profit was "
            "realised for it first."
        )
    rules = rules_at(market, settled.seq)
    return Explanation(
        market=market,
        sentences=sentences,
        rules=[*_funding_rules(rules.config), ("market’s rules", rules.said)],
        subject=Subject(row.user_id),
        moments=[Moment.of(settled.seq, settled.settled_at)],
        unknown=["the samples of the premium that made the rate: they are summed up and then gone"],
    )


def _funding_rules(config: MarketConfig | None) -> list[tuple[str, Cell]]:
    if config is None:
        return []
    return [
        ("every", f"{config.funding_interval_ms / 3_600_000:g} h"),
        ("interest in 8 hours", percent(config.funding_interest_ppm)),
        ("largest rate", percent(config.funding_cap_ppm)),
    ]


def explain_settlement(row: Settlement, _streams: Streams) -> Explanation:
    market = row.market
    at = price(row.price_ticks, market)
    sentences: list[Cell] = [
        f"settled: {held_words(row.position_lots, market)} closed at {at}, for good",
        words(
            user_link(row.user),
            "realised",
            gain_or_loss(row.realized_pnl_units),
            f"and got {money(row.returned_units)} back: margin and result.",
        ),
    ]
    if row.insurance_units > 0:
        sentences.append(
            f"{money(row.insurance_units)} of it went to losses that neither their owners nor the "
            "insurance fund could pay, shared by what positions were worth."
        )
    if row.insurance_units < 0:
        sentences.append(
            f"It lost more than its margin: the insurance fund paid {money(-row.insurance_units)}."
        )
    return Explanation(
        market=market,
        sentences=sentences,
        rules=[("rule", "an operator settles a market at one price"), ("settlement price", at)],
        subject=Subject(row.user_id),
        moments=[Moment.of(row.seq, row.settled_at)],
    )
