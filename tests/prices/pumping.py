"""A price pump in a thread of the test's own, on real Redis and Postgres, and what it sends."""

import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from django.db import connection

from common.redis_client import redis_client
from markets.models import Market
from matching.messages.codec import decode_command
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import COMMAND_FIELD, input_stream
from prices.demo_markets import START_PRICES, DemoMarket
from prices.index import SourceState
from prices.models import PriceSource, PriceSourceKind
from prices.pump import PricePump
from prices.reports import PriceReport, SourceReport, read_reports
from prices.sources.synthetic import SyntheticWalks
from tests.patience import PATIENCE_S
from tests.prices.venue import PlayedVenue

MARKET = "BTC-PERP"
INTERVAL_S = 0.02


def wait_for(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def sent(client: redis.Redis, market_id: str = MARKET) -> list[int]:
    """Index prices so far, in ticks."""
    prices = []
    rows: Any = client.xrange(input_stream(market_id))
    for _, fields in rows:
        command = decode_command(fields[COMMAND_FIELD])
        assert isinstance(command, UpdateIndexPrice)
        prices.append(command.index_price_ticks)
    return prices


def make_market(demo: DemoMarket, quorum: int = 1, *, synthetic: bool = True) -> Market:
    market = demo.build()
    market.price_quorum = quorum
    market.save()
    if synthetic:
        demo.price_source().save()
    return market


def add_source(
    venue: PlayedVenue, symbol: str = "BTC/USD", *, market_id: str = MARKET, **fields: Any
) -> PriceSource:
    return PriceSource.objects.create(
        market_id=market_id,
        kind=PriceSourceKind.CCXT,
        venue="bitstamp",
        symbol=symbol,
        api_url=venue.url,
        **fields,
    )


class Pump:
    """Runs until the block ends."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.client = redis_client()

    def _run(self) -> None:
        try:
            PricePump(SyntheticWalks(7, START_PRICES), self._stop, INTERVAL_S).run()
        finally:
            connection.close()

    def __enter__(self) -> "Pump":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def report(self, market_id: str = MARKET) -> PriceReport | None:
        return read_reports(self.client, [market_id]).get(market_id)

    def source(self, source: PriceSource) -> SourceReport | None:
        report = self.report(source.market_id)
        found = [one for one in report.sources if one.source_id == source.pk] if report else []
        return found[0] if found else None

    def wait_for_states(self, states: dict[PriceSource, SourceState]) -> None:
        def there() -> bool:
            return all(
                (found := self.source(source)) is not None and found.state is state
                for source, state in states.items()
            )

        wait_for(there)

    def wait_for_price(self, ticks: int, market_id: str = MARKET) -> None:
        """A new one, sent from now on."""
        before = len(sent(self.client, market_id))
        wait_for(lambda: ticks in sent(self.client, market_id)[before:])
