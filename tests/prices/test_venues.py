"""Venues through ccxt over real HTTP: what becomes a price, and what becomes which error."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import ccxt.async_support as ccxt
import pytest
from django.conf import settings

from prices.sources import venues
from prices.sources.quote import Endpoint, PriceRefused, PriceUnavailable, Quote
from prices.sources.venues import Venue, ask_once, quote_of, venue_problem
from tests.prices.venue import PlayedVenue

Play = Callable[..., PlayedVenue]
T = TypeVar("T")

NOW_MS = 1_700_000_000_000


def with_venue(played: PlayedVenue, use: Callable[[Venue], Awaitable[T]]) -> T:
    async def run() -> T:
        venue = Venue("bitstamp", played.url, clock_ms=lambda: NOW_MS)
        try:
            return await use(venue)
        finally:
            await venue.close()

    return asyncio.run(run())


def ask(played: PlayedVenue, symbol: str = "BTC/USD") -> Quote:
    return asyncio.run(ask_once(Endpoint("bitstamp", symbol, played.url)))


def test_the_middle_of_bid_and_ask_at_the_ticker_s_own_time(play: Play) -> None:
    venue = play(bid="50000.1", ask="50000.4", last="1")
    venue.ticker = lambda: (
        200,
        json.dumps({"timestamp": "1700000000", "bid": "50000.1", "ask": "50000.4", "last": "1"}),
    )
    assert ask(venue) == Quote(Decimal("50000.25"), 1_700_000_000_000)
    assert venue.asked == ["/api/v2/markets/", "/api/v2/ticker/btcusd/"]


@pytest.mark.parametrize(("bid", "ask_price"), [("", "50001"), ("49999", ""), ("0", "50001")])
def test_the_last_price_where_a_side_of_the_book_is_empty(
    play: Play, bid: str, ask_price: str
) -> None:
    assert ask(play(bid=bid, ask=ask_price, last="50000.5")).price == Decimal("50000.5")


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity", "1e40", "1e-40"])
def test_what_can_t_be_a_price_is_refused(play: Play, price: str) -> None:
    venue = play()
    venue.says(price)
    with pytest.raises(
        PriceUnavailable, match=r"can't be a price|can't be read|no price in the answer"
    ):
        ask(venue)


def test_a_price_of_zero_is_none(play: Play) -> None:
    venue = play()
    venue.says("0")
    with pytest.raises(PriceUnavailable, match="no price in the answer"):
        ask(venue)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, "", "ExchangeNotAvailable"),
        (502, "<html>bad gateway</html>", "ExchangeNotAvailable"),
        (429, "", "RateLimitExceeded"),
        (404, "", "ExchangeError|ExchangeNotAvailable|BadRequest"),
        (200, '{"bid": "5', "no price in the answer"),
        (200, "", "can't be read|no price in the answer"),
        (200, "[]", "can't be read|no price in the answer"),
        (200, "{}", "no price in the answer"),
        (200, "null", "can't be read|no price in the answer"),
    ],
)
def test_an_answer_that_is_no_ticker_is_one_clear_error(
    play: Play, status: int, body: str, error: str
) -> None:
    venue = play()
    venue.fail(status, body)
    with pytest.raises(PriceUnavailable, match=error) as caught:
        ask(venue)
    assert "\n" not in str(caught.value)


def test_a_venue_that_never_answers(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venues, "LISTING_TIMEOUT_S", 0.2)
    venue = play()
    venue.fall_silent()
    with pytest.raises(PriceUnavailable, match="no answer in time"):
        ask(venue)


def test_nobody_at_the_address(play: Play) -> None:
    venue = play()
    venue.close()
    with pytest.raises(PriceUnavailable, match="ExchangeNotAvailable"):
        ask(venue)


def test_an_unknown_symbol_is_looked_for_again_when_the_list_is_old(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = play()
    played.pairs = ("BTC/USD",)

    async def use(venue: Venue) -> Decimal:
        assert (await venue.quote("BTC/USD")).price == 50_000
        with pytest.raises(PriceUnavailable, match="bitstamp has no symbol SOL/USD"):
            await venue.quote("SOL/USD")
        assert played.asked.count("/api/v2/markets/") == 1
        played.pairs = ("BTC/USD", "SOL/USD")
        venue._exchange.options["fetchMarkets"]["expires"] = -1  # ccxt's own cache, of a second
        monkeypatch.setattr(venues, "LISTING_AGE_MIN_S", 0.0)
        return (await venue.quote("SOL/USD")).price

    assert with_venue(played, use) == 50_000


def test_sources_of_one_venue_share_its_list(play: Play) -> None:
    played = play()

    async def use(venue: Venue) -> list[Quote]:
        return list(await asyncio.gather(*(venue.quote(symbol) for symbol in played.pairs)))

    assert len(with_venue(played, use)) == 4
    assert played.asked.count("/api/v2/markets/") == 1


def test_who_gives_up_does_not_stop_the_others(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice's source waits for the list of symbols and is switched off; Bob's gets its price."""
    played = play()
    played.fall_silent()

    async def use(venue: Venue) -> Quote:
        alice = asyncio.create_task(venue.quote("BTC/USD"))
        bob = asyncio.create_task(venue.quote("BTC/EUR"))
        while not played.asked:
            await asyncio.sleep(0.01)
        alice.cancel()
        played.recover()
        return await bob

    assert with_venue(played, use).price == 50_000


def test_a_ticker_without_a_time_is_as_old_as_its_receipt() -> None:
    ticker = {"bid": 1.5, "ask": 2.5, "last": None, "timestamp": None}
    assert quote_of(ticker, NOW_MS) == Quote(Decimal(2), NOW_MS)
    assert quote_of({"last": 0.1}, NOW_MS) == Quote(Decimal("0.1"), NOW_MS)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -0.5, 1e300, "soon"])
def test_one_impossible_number_is_enough_to_refuse_a_ticker(number: Any) -> None:
    with pytest.raises(PriceRefused, match="can't be a price"):
        quote_of({"bid": number, "ask": 2.0, "last": 2.0}, NOW_MS)


def test_unknown_venues_are_named_with_what_was_meant() -> None:
    assert venue_problem("kraken") is None
    assert venue_problem("krakn") == "ccxt knows no venue 'krakn'. Did you mean kraken?"
    assert venue_problem("Exchange") == "ccxt knows no venue 'Exchange'."
    with pytest.raises(PriceUnavailable, match="knows no venue"):
        asyncio.run(ask_once(Endpoint("__init__", "BTC/USD")))


def addresses(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [a for v in tree.values() for a in addresses(v)]


def test_every_venue_can_be_moved_to_another_address() -> None:
    """None is asked anything here; all would be asked at the address given, on their own paths."""
    host = re.compile(r"^[^/]*//[^/]*")
    moved = 0
    for venue in ccxt.exchanges:
        if venue_problem(venue):
            continue
        own = addresses(Venue(venue)._exchange.urls["api"])
        there = addresses(Venue(venue, "http://127.0.0.1:9/proxy/")._exchange.urls["api"])
        assert there == [host.sub("http://127.0.0.1:9/proxy", address) for address in own], venue
        moved += 1
    assert moved > 90


def test_the_web_process_does_not_import_ccxt_before_it_needs_it() -> None:
    """It takes a second and tens of megabytes in each of them."""
    code = (
        "import django, sys; django.setup(); import exchange_site.urls; "
        "sys.exit('ccxt' in sys.modules)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "exchange_site.settings"}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR, check=True)
