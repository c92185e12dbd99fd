"""What the page shows of each market."""

from dataclasses import dataclass

from console.stop.models import MarketStop
from markets.models import Market
from trading.models import LIVE_STATUSES, Order, OutboxCommand

LIVE_MAX = 1_000


@dataclass(frozen=True)
class MarketLine:
    """``seq``: at which the engine applied the newest change; None while it waits.
    ``cancels_waiting``: of the commands that cancel orders."""

    market: Market
    stop: MarketStop | None
    seq: int | None
    cancels_waiting: int
    live_orders: int

    @property
    def settled(self) -> bool:
        if self.stop is None:
            return True
        swept = not self.stop.cancels_orders or self.stop.swept_at is not None
        return self.seq is not None and not self.cancels_waiting and swept

    @property
    def tone(self) -> str:
        return "ok" if self.market.status.state == "ACTIVE" else "warn"

    @property
    def live_words(self) -> str:
        return f"{LIVE_MAX:,} or more" if self.live_orders >= LIVE_MAX else f"{self.live_orders:,}"


def market_lines() -> list[MarketLine]:
    return [_line(market) for market in Market.objects.select_related("status")]


def _line(market: Market) -> MarketLine:
    stops = MarketStop.objects.filter(market=market).select_related("asked_by")
    stop = stops.order_by("-pk").first()
    commands = OutboxCommand.objects.filter(pk__in=[stop.command_id] if stop else [])
    live = Order.objects.filter(market=market, status__in=LIVE_STATUSES)
    waiting = OutboxCommand.objects.filter(pk__in=stop.cancel_ids if stop else [])
    return MarketLine(
        market=market,
        stop=stop,
        seq=commands.values_list("applied_seq", flat=True).first(),
        cancels_waiting=waiting.filter(applied_seq__isnull=True).count(),
        live_orders=live.order_by()[:LIVE_MAX].count(),
    )
