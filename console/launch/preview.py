"""What rules mean to a trader, in numbers, before anybody is bound by them.

Nothing is computed here that the API or the engine decides: holds are those of
`matching.messages.holds`, margins and liquidation prices those of `matching.messages.tiers`, from
the very rules that would be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from common import decimals
from console.launch.defaults import advised_insurance_units
from markets.config import market_config
from markets.conversions import nearest_ticks
from markets.display import funding_rate, money, percent, price, size
from markets.models import LeverageTier, Market
from matching.messages.holds import ceil_div, fee_units, margin_per_lot, order_reserve
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY, PPM
from matching.messages.tiers import NEVER_TICKS, TierTable
from matching.messages.vocabulary import OrderType, Side

EXAMPLE_UNITS = 1_000 * MONEY_UNITS_PER_CURRENCY
LEVERAGES = (1, 2, 5, 10, 25, 50, 100)
DAY_MS = 86_400_000


@dataclass(frozen=True)
class PreviewTable:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def labelled(self) -> list[list[tuple[str, str]]]:
        """The rows, each cell under the name of its column."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Example:
    """An order for about 1,000 at the reference price, opened by a fill at that price."""

    leverage: int
    size_lots: int
    price_ticks: int
    margin_units: int
    open_loss_units: int
    fee_units: int
    long_liquidation_ticks: int
    short_liquidation_ticks: int

    @property
    def hold_units(self) -> int:
        return self.margin_units + self.open_loss_units + self.fee_units


def preview(
    market: Market, tiers: Sequence[LeverageTier], reference: Decimal
) -> list[PreviewTable]:
    """Raises ValidationError for rules no engine would take, ValueError for a price that the tick
    can't say."""
    table = TierTable(market_config(market, tiers))
    ticks = nearest_ticks(reference, market.tick_size)
    examples = [example(market, table, ticks, at) for at in _leverages(table)]
    return [
        PreviewTable("Steps", ("", ""), _steps(market, table, ticks)),
        PreviewTable(
            f"An order of {size(examples[0].size_lots, market)} at {price(ticks, market)}, in USD",
            ("leverage", "margin", "fee", "held", "long liquidated at", "short liquidated at"),
            [_example_cells(market, one) for one in examples],
        ),
        PreviewTable(
            "Tiers",
            ("positions up to", "leverage", "initial margin there", "maintenance there"),
            _tier_rows(market, table, ticks),
        ),
    ]


def _leverages(table: TierTable) -> list[int]:
    most = table.tiers[0].max_leverage
    return sorted({most, *(leverage for leverage in LEVERAGES if leverage < most)})


def example(market: Market, table: TierTable, price_ticks: int, leverage: int) -> Example:
    k = market.units_per_tick_lot
    lots = max(market.min_size_lots, 1, EXAMPLE_UNITS // (k * price_ticks))
    reserve = order_reserve(
        units_per_tick_lot=k,
        taker_fee_ppm=market.taker_fee_ppm,
        side=Side.LONG,
        order_type=OrderType.LIMIT,
        price_ticks=price_ticks,
        mark_ticks=price_ticks,
        best_bid_ticks=0,
        named_margin_per_lot_units=0,
        leverage=leverage,
    )
    cost = k * lots * price_ticks
    margin = margin_per_lot(k, price_ticks, 0, leverage) * lots
    return Example(
        leverage=leverage,
        size_lots=lots,
        price_ticks=price_ticks,
        margin_units=reserve.margin_units * lots,
        open_loss_units=reserve.open_loss_units * lots,
        fee_units=reserve.fee_units * lots,
        long_liquidation_ticks=table.liquidation_price_ticks(lots, cost, margin),
        short_liquidation_ticks=table.liquidation_price_ticks(-lots, -cost, margin),
    )


def _example_cells(market: Market, one: Example) -> tuple[str, ...]:
    return (
        f"{one.leverage}×",
        *(_bare(money(part)) for part in (one.margin_units, one.fee_units, one.hold_units)),
        _liquidation(market, one.long_liquidation_ticks, one.price_ticks),
        _liquidation(market, one.short_liquidation_ticks, one.price_ticks),
    )


def _liquidation(market: Market, ticks: int, reference_ticks: int) -> str:
    if ticks == NEVER_TICKS:
        return "never"
    away = _signed_percent(ticks - reference_ticks, reference_ticks)
    return f"{_bare(price(ticks, market))} ({away})"


def _bare(amount: str) -> str:
    """Without its currency, which stands above."""
    return amount.rpartition(" ")[0]


def _signed_percent(part: int, whole: int) -> str:
    return f"{Decimal(part * 100) / whole:+.2f} %"


def _steps(market: Market, table: TierTable, ticks: int) -> list[tuple[str, str]]:
    k = market.units_per_tick_lot
    lots = EXAMPLE_UNITS // (k * ticks)
    maker, taker = (
        money(fee_units(k, ticks, max(lots, 1), rate))
        for rate in (market.maker_fee_ppm, market.taker_fee_ppm)
    )
    tick_share = decimals.text(round(Decimal(100) / ticks, 6))
    worth = k * ticks
    largest = market.max_size_lots * worth
    open_interest = market.max_open_interest_lots * worth
    per_day = market.funding_cap_ppm * DAY_MS * 1_000 // market.funding_interval_ms
    insured = advised_insurance_units(market, table, ticks)
    return [
        ("Prices step by", f"{decimals.text(market.tick_size)} USD, {tick_share} % of the price"),
        ("Prices look like", ", ".join(price(ticks + step, market) for step in range(3))),
        ("Sizes step by", f"{size(1, market)}, worth {money(worth)}"),
        (
            "Smallest order",
            f"{size(market.min_size_lots, market)}, and {money(market.min_notional_units)}",
        ),
        ("Largest order", f"{size(market.max_size_lots, market)}, worth {money(largest)}"),
        ("Most open interest", f"worth {money(open_interest)}"),
        ("Fee of some 1,000 USD", f"{maker} as maker, {taker} as taker"),
        ("Most funding a day", funding_rate(per_day)),
        ("Insurance fund to begin with", money(insured)),
    ]


def _tier_rows(market: Market, table: TierTable, ticks: int) -> list[tuple[str, ...]]:
    """Each where it ends; the last where open interest does."""
    most = market.max_open_interest_lots * market.units_per_tick_lot * ticks
    ends = [tier.floor_units for tier in table.tiers[1:]]
    rows: list[tuple[str, ...]] = []
    for tier, end in zip(table.tiers, [*ends, max(most, table.tiers[-1].floor_units)], strict=True):
        lots = end // (market.units_per_tick_lot * ticks)
        initial = ceil_div(end, tier.max_leverage)
        maintenance = table.maintenance_units(end)
        share = percent(maintenance * PPM // end) if end else "0 %"
        rows.append(
            (
                f"{money(end)}, {size(lots, market)}",
                f"{tier.max_leverage}×",
                money(initial),
                f"{money(maintenance)}, {share}",
            )
        )
    return rows
