"""What one look at the exchange sees."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from console.health.report import ExchangeStatus, exchange_status
from markets.models import MarketStatus

READINGS_MAX = 50  # of traders and pairs: the highest values


@dataclass(frozen=True)
class Reading:
    """``value`` None: it could not be known. ``words``: what else there is to say of it."""

    value: int | None
    words: str = ""
    market_id: str = ""


Readings = dict[str, Reading]  # by subject


class NotMeasured(Exception):
    """Nothing is known of any subject; the text says why."""


class Look:
    """The exchange at a time; what several measures need is read once, by the first."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @cached_property
    def status(self) -> ExchangeStatus:
        return exchange_status()

    @cached_property
    def market_statuses(self) -> list[MarketStatus]:
        return list(MarketStatus.objects.select_related("market").order_by("pk"))
