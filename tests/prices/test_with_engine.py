"""From a venue's ticker to the mark price of a real engine, through quorum lost and found."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis

from markets.models import Market
from matching.messages.codec import decode_entry
from matching.messages.events import MarkPriceChanged
from matching.messages.streams import ENTRY_FIELD, Ticker, output_stream, ticker_key
from persistence.recovery.starting_points import ensure_starting_point
from prices.sources import pollers
from tests.prices.pumping import MARKET, Pump, add_source, wait_for
from tests.prices.venue import PlayedVenue
from tests.recovery.exchange import EngineThread
from tests.trading.client import make_market

pytestmark = pytest.mark.django_db(transaction=True)


def marks(client: redis.Redis) -> list[MarkPriceChanged]:
    rows: Any = client.xrange(output_stream(MARKET))
    entries = [decode_entry(fields[ENTRY_FIELD]) for _, fields in rows]
    return [e for entry in entries for e in entry.events if isinstance(e, MarkPriceChanged)]


def test_the_engine_marks_by_the_index_and_holds_still_without_a_quorum(
    redis_db: redis.Redis,
    play: Callable[..., PlayedVenue],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pollers, "BACKOFF_MAX_S", 0.1)
    market = make_market(MARKET)
    Market.objects.filter(pk=market.pk).update(price_quorum=2)
    venues = play(), play()
    for venue, symbol in zip(venues, ("BTC/USD", "BTC/EUR"), strict=True):
        venue.says("25000")
        add_source(venue, symbol)
    ensure_starting_point(MARKET)
    engine = EngineThread("engine", 1_000)
    try:
        with Pump():
            wait_for(lambda: marks(redis_db))
            first = marks(redis_db)[0]
            assert (first.mark_price_ticks, first.index_stale) == (250_000, False)
            venues[1].says("90000")  # each is now far from their median
            wait_for(lambda: marks(redis_db)[-1].index_stale)
            stale = marks(redis_db)[-1]
            assert stale.mark_price_ticks == 250_000  # the last one stays
            for venue in venues:
                venue.says("25100")
            # By way of 25,050 if one of them is asked before the other.
            wait_for(lambda: marks(redis_db)[-1].index_price_ticks == 251_000)
            assert not marks(redis_db)[-1].index_stale

            def shown() -> int:
                data: Any = redis_db.get(ticker_key(MARKET))
                return msgspec.json.decode(data, type=Ticker).index_price_ticks if data else 0

            wait_for(lambda: shown() == 251_000)
    finally:
        engine.stop()
