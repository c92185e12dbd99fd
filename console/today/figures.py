"""The figures of a range, by market and over all."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import Count, Sum

from accounts.models import User
from console.today.ranges import TimeRange
from ledger.models import AccountFlow, AccountKind, EntryKind
from markets.models import Market
from markets.rules import market_tickers
from trading.models import Candle, Liquidation, TraderDay

Series = list[int]  # one amount per point of the range
FlowKey = tuple[str | None, int, str, str]  # market, start, kind of account, kind of entry


@dataclass
class MarketFigures:
    """Of one market within a range; amounts in money units.

    volume_units     Σ price × size of its trades, each counted once
    fees_units       what traders paid, less rebates
    insurance_units  what its insurance fund gained, below zero what it lost
    spread_ticks     best ask − best bid now; None where a side is empty
    """

    market: Market
    volume_units: int = 0
    trades: int = 0
    fees_units: int = 0
    insurance_units: int = 0
    liquidations: int = 0
    open_interest_lots: int = 0
    spread_ticks: int | None = None
    volume_series: Series = field(default_factory=list)


@dataclass
class Moved:
    """What traded and what money moved: all that the chart is drawn from."""

    points_ms: list[int]
    markets: list[MarketFigures]
    fees_series: Series

    @property
    def volume_series(self) -> Series:
        of_markets = [market.volume_series for market in self.markets]
        return [sum(amounts) for amounts in zip(*of_markets, strict=True)]


@dataclass
class Figures(Moved):
    """Of the whole exchange. ``active_traders`` counts whole days by UTC, today included."""

    deposits_units: int
    withdrawals_units: int
    new_traders: int
    active_traders: int

    @property
    def volume_units(self) -> int:
        return sum(market.volume_units for market in self.markets)

    @property
    def trades(self) -> int:
        return sum(market.trades for market in self.markets)

    @property
    def fees_units(self) -> int:
        return sum(self.fees_series)

    @property
    def insurance_units(self) -> int:
        return sum(market.insurance_units for market in self.markets)

    @property
    def liquidations(self) -> int:
        return sum(market.liquidations for market in self.markets)


def figures_of(time_range: TimeRange, now_ms: int) -> Figures:
    """A handful of queries, each of rows that an index finds."""
    flows = _flows(time_range, time_range.start_ms(now_ms), now_ms)
    moved = _moved(time_range, now_ms, flows)
    since = datetime.fromtimestamp(moved.points_ms[0] / 1_000, UTC)
    of_market = {found.market.pk: found for found in moved.markets}
    _add_liquidations(of_market, since)
    _add_books(of_market)
    return Figures(
        points_ms=moved.points_ms,
        markets=moved.markets,
        fees_series=moved.fees_series,
        deposits_units=-_of_entries(flows, EntryKind.DEPOSIT),
        withdrawals_units=_of_kind(flows, AccountKind.WITHDRAWALS),
        new_traders=User.objects.filter(date_joined__gte=since, is_staff=False).count(),
        active_traders=_active_traders(since),
    )


def moved_in(time_range: TimeRange, now_ms: int) -> Moved:
    return _moved(time_range, now_ms, _flows(time_range, time_range.start_ms(now_ms), now_ms))


def _moved(time_range: TimeRange, now_ms: int, flows: dict[FlowKey, int]) -> Moved:
    points = time_range.points(now_ms)
    place = {start_ms: number for number, start_ms in enumerate(points)}
    markets = {
        market.pk: MarketFigures(market, volume_series=[0] * len(points))
        for market in Market.objects.order_by("id")
    }
    _add_volumes(markets, time_range, place, now_ms)
    fees = [0] * len(points)
    for (market_id, start_ms, kind, _), units in flows.items():
        if kind == AccountKind.FEES:
            fees[place[_point_of(time_range, start_ms)]] += units
        if market_id in markets:
            found = markets[market_id]
            found.fees_units += units if kind == AccountKind.FEES else 0
            found.insurance_units += units if kind == AccountKind.INSURANCE else 0
    return Moved(points, list(markets.values()), fees)


def _flows(time_range: TimeRange, start_ms: int, now_ms: int) -> dict[FlowKey, int]:
    rows = AccountFlow.objects.filter(
        interval_ms=time_range.interval_ms, start_ms__range=(start_ms, now_ms)
    ).values_list("market_id", "start_ms", "account_kind", "entry_kind", "amount_units")
    return {(market, start, kind, entry): int(units) for market, start, kind, entry, units in rows}


def _of_entries(flows: dict[FlowKey, int], entry: EntryKind) -> int:
    deposits = AccountKind.DEPOSITS
    return sum(units for key, units in flows.items() if key[2:] == (deposits, entry))


def _of_kind(flows: dict[FlowKey, int], kind: AccountKind) -> int:
    return sum(units for key, units in flows.items() if key[2] == kind)


def _add_volumes(
    markets: dict[str, MarketFigures], time_range: TimeRange, place: dict[int, int], now_ms: int
) -> None:
    rows = Candle.objects.filter(
        market__in=list(markets),
        interval_ms=time_range.interval_ms,
        start_ms__range=(min(place), now_ms),  # clocks of machines differ
    ).values_list("market_id", "start_ms", "quote_units", "trade_count")
    for market_id, start_ms, units, trades in rows:
        found = markets[market_id]
        found.volume_units += int(units)
        found.trades += trades
        found.volume_series[place[_point_of(time_range, start_ms)]] += int(units)


def _point_of(time_range: TimeRange, start_ms: int) -> int:
    return start_ms // time_range.point_ms * time_range.point_ms


def _add_liquidations(markets: dict[str, MarketFigures], since: datetime) -> None:
    rows = Liquidation.objects.filter(market__in=list(markets), liquidated_at__gte=since)
    counted = rows.order_by().values("market_id").annotate(count=Count("pk"))
    for row in counted:
        markets[row["market_id"]].liquidations = row["count"]


def _add_books(markets: dict[str, MarketFigures]) -> None:
    tickers = market_tickers(markets)
    for market_id, found in markets.items():
        ticker = tickers[market_id]
        found.open_interest_lots = ticker.open_interest_lots
        if ticker.best_bid_ticks and ticker.best_ask_ticks:
            found.spread_ticks = ticker.best_ask_ticks - ticker.best_bid_ticks


def _active_traders(since: datetime) -> int:
    rows = TraderDay.objects.filter(market__in=Market.objects.values("pk"), day__gte=since.date())
    found: int = rows.aggregate(traders=Count("user", distinct=True))["traders"]
    return found


def insurance_units() -> int:
    """What all insurance funds hold now."""
    held = Market.objects.aggregate(held=Sum("status__insurance_units"))["held"]
    return int(held or 0)
