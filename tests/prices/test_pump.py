"""The price loop against venues that answer, fail, lie and fall silent: what is sent."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.db import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from markets.models import Market, MarketStatus
from matching.messages.streams import input_stream
from matching.messages.vocabulary import MarketState
from prices import pump
from prices.demo_markets import DEMO_MARKETS, START_PRICES
from prices.index import SourceState
from prices.models import PriceSource
from prices.pump import Lease, PricePump
from prices.sources import pollers, venues
from prices.sources.synthetic import SyntheticWalks
from tests.prices.pumping import (
    Pump,
    add_source,
    make_market,
    sent,
    wait_for,
)
from tests.prices.venue import PlayedVenue
from trading.commands import publisher

Play = Callable[..., PlayedVenue]

pytestmark = pytest.mark.django_db(transaction=True)

BITCOIN, ETHER = DEMO_MARKETS
HEALTHY, OUTLIER = SourceState.HEALTHY, SourceState.OUTLIER
STALE, ERROR = SourceState.STALE, SourceState.ERROR


@pytest.fixture(autouse=True)
def _quick(redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovering from a failure takes moments, not half a minute."""
    monkeypatch.setattr(pollers, "BACKOFF_MAX_S", 0.1)


def test_the_weighted_median_of_three_venues_in_ticks(redis_db: redis.Redis, play: Play) -> None:
    make_market(BITCOIN, quorum=3, synthetic=False)
    add_source(play(bid="49990", ask="49990.3"), "BTC/USD", weight=1)
    add_source(play(bid="50000", ask="50000.3"), "BTC/EUR", weight=2)
    add_source(play(bid="50010", ask="50010"), "BTC/USDC", weight=2)
    with Pump() as pump:
        pump.wait_for_price(500_002)  # 50,000.15 is nearest to 50,000.2, of two the even one
    assert set(sent(redis_db)) == {500_002}


def test_a_wild_price_is_an_outlier_and_moves_nothing(redis_db: redis.Redis, play: Play) -> None:
    make_market(BITCOIN, quorum=2, synthetic=False)
    honest, steady, wild = play(), play(), play()
    rows = [add_source(v, s) for v, s in zip((honest, steady, wild), venue_symbols(), strict=True)]
    with Pump() as pump:
        pump.wait_for_states(dict.fromkeys(rows, HEALTHY))
        wild.says("99000")
        pump.wait_for_states({rows[0]: HEALTHY, rows[1]: HEALTHY, rows[2]: OUTLIER})
        pump.wait_for_price(500_000)
        wild.says("50010")
        pump.wait_for_states(dict.fromkeys(rows, HEALTHY))
    assert set(sent(redis_db)) == {500_000}


def venue_symbols() -> tuple[str, str, str]:
    return "BTC/USD", "BTC/EUR", "BTC/USDC"


@pytest.mark.parametrize("trouble", ["500", "cut short", "silence", "old ticker", "zero", "NaN"])
def test_without_its_quorum_the_index_is_stale_and_with_it_fresh_again(
    play: Play, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(venues, "REQUEST_TIMEOUT_S", 0.2)
    monkeypatch.setattr("prices.index.PRICE_AGE_MAX_MS", 1_500)
    make_market(BITCOIN, quorum=2, synthetic=False)
    good, bad = play(), play()
    well, ill = add_source(good, "BTC/USD"), add_source(bad, "BTC/EUR")
    with Pump() as pump:
        pump.wait_for_price(500_000)
        start_trouble(bad, trouble)
        pump.wait_for_price(0)
        state = STALE if trouble == "old ticker" else ERROR
        pump.wait_for_states({well: HEALTHY, ill: state})
        found = pump.source(ill)
        assert found is not None
        assert bool(found.errors) == bool(found.error) == (state is ERROR)
        bad.recover()
        bad.says("50000")
        pump.wait_for_states({well: HEALTHY, ill: HEALTHY})
        pump.wait_for_price(500_000)


def start_trouble(venue: PlayedVenue, trouble: str) -> None:
    match trouble:
        case "500":
            venue.fail(500)
        case "cut short":
            venue.fail(200, '{"bid": "499')
        case "silence":
            venue.fall_silent()
        case "old ticker":
            venue.age_s = 30
        case "zero":
            venue.says("0")
        case "NaN":
            venue.says("NaN")


def test_a_price_is_good_for_seconds_when_its_venue_fails_but_not_when_it_takes_it_back(
    redis_db: redis.Redis, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prices.index.PRICE_AGE_MAX_MS", 3_600_000)
    make_market(BITCOIN, synthetic=False)
    venue = play()
    row = add_source(venue)
    with Pump() as pump:
        pump.wait_for_price(500_000)
        venue.fail(500)
        wait_for(lambda: (found := pump.source(row)) is not None and found.errors >= 2)
        assert 0 not in sent(redis_db)
        pump.wait_for_states({row: HEALTHY})
        venue.recover()
        venue.says("-1")
        pump.wait_for_price(0)
        pump.wait_for_states({row: ERROR})


def test_a_silent_venue_delays_no_other(redis_db: redis.Redis, play: Play) -> None:
    """It holds its request for as long as the test takes: the others go on all the while."""
    make_market(BITCOIN, synthetic=False)
    make_market(ETHER, synthetic=False)
    silent, lively = play(), play()
    silent.fall_silent()
    add_source(silent, "BTC/EUR")
    add_source(lively, "BTC/USD")
    add_source(lively, "ETH/USD", market_id="ETH-PERP")
    with Pump() as pump:
        wait_for(lambda: silent.asked)
        for price in ("50001", "50002", "50003"):
            lively.says(price)
            pump.wait_for_price(int(price) * 10)
            pump.wait_for_price(int(price) * 100, "ETH-PERP")
        assert len(silent.asked) == 1
        silent.recover()


def test_nothing_is_said_before_the_first_answers(redis_db: redis.Redis, play: Play) -> None:
    """A start is no reason to call an index stale: its engine notices if it takes too long."""
    make_market(BITCOIN, quorum=2, synthetic=False)
    slow, quick = play(), play()
    slow.fall_silent()
    waiting, there = add_source(slow, "BTC/USD"), add_source(quick, "BTC/EUR")
    with Pump() as pump:
        pump.wait_for_states({waiting: SourceState.WAITING, there: HEALTHY})
        slow.recover()
        pump.wait_for_price(500_000)
    assert 0 not in sent(redis_db)


def test_a_market_without_sources_has_a_stale_index(redis_db: redis.Redis) -> None:
    make_market(BITCOIN, synthetic=False)
    with Pump() as pump:
        pump.wait_for_price(0)
        wait_for(pump.report)  # which follows the price
        report = pump.report()
        assert report is not None
        assert (report.index_price, report.sources) == (None, ())


def test_an_index_beyond_all_ticks_is_none(redis_db: redis.Redis, play: Play) -> None:
    market = make_market(BITCOIN, synthetic=False)
    venue = play()
    venue.says("1" + "0" * 25)
    add_source(venue)
    with capture_logs() as lines, Pump() as pump:
        pump.wait_for_price(0)
    assert any(f"price of {market}" == line.get("what") for line in lines)


# -------------------------------------------------------------------------- what operators change


def test_changes_count_in_the_running_pump(redis_db: redis.Redis, play: Play) -> None:
    market = make_market(BITCOIN, synthetic=False)
    cheap, dear = play(), play()
    cheap.says("50000")
    dear.says("50100")
    first = add_source(cheap, "BTC/USD")
    with Pump() as pump:
        pump.wait_for_price(500_000)
        second = add_source(dear, "BTC/EUR")  # a new source
        pump.wait_for_price(500_500)
        PriceSource.objects.filter(pk=second.pk).update(weight=2)
        pump.wait_for_price(501_000)
        PriceSource.objects.filter(pk=second.pk).update(enabled=False)
        pump.wait_for_price(500_000)
        Market.objects.filter(pk=market.pk).update(price_quorum=2)
        pump.wait_for_price(0)
        Market.objects.filter(pk=market.pk).update(price_quorum=1)
        pump.wait_for_price(500_000)
        PriceSource.objects.filter(pk=first.pk).update(api_url=dear.url)  # another address
        pump.wait_for_price(501_000)
        asked = len(cheap.asked)
        pump.wait_for_price(501_000)
        assert len(cheap.asked) == asked
        PriceSource.objects.filter(pk=first.pk).update(symbol="DOGE/USD")
        pump.wait_for_states({first: ERROR})
        found = pump.source(first)
        assert found is not None
        assert (found.price, found.error) == (None, "bitstamp has no symbol DOGE/USD")


def test_settled_markets_get_no_price_and_unopened_ones_do(redis_db: redis.Redis) -> None:
    for demo, state in zip(DEMO_MARKETS, (MarketState.SETTLED, MarketState.PRE_OPEN), strict=True):
        market = make_market(demo)
        # As ledger would: there is no engine in this test.
        MarketStatus.objects.update_or_create(market=market, defaults={"state": state})
    with Pump():
        wait_for(lambda: len(sent(redis_db, "ETH-PERP")) >= 2)
    assert sent(redis_db, "BTC-PERP") == []


# ------------------------------------------------------------------------------ two, and restarts


def test_of_two_pumps_one_sends_and_the_other_takes_over(redis_db: redis.Redis, play: Play) -> None:
    make_market(BITCOIN, synthetic=False)
    venue = play()
    add_source(venue)
    with Pump() as second:
        with Pump():
            second.wait_for_price(500_000)
            wait_for(lambda: venue.asked.count("/api/v2/ticker/btcusd/") >= 3)
            listings = venue.asked.count("/api/v2/markets/")
            assert listings == 1  # only one of them follows the venue
        second.wait_for_price(500_000)
    assert set(sent(redis_db)) == {500_000}


def test_a_lease_is_held_by_one_and_free_when_it_is_lost(redis_db: redis.Redis) -> None:
    alice, bob = Lease(), Lease()
    assert [alice.renew(), bob.renew(), alice.renew()] == [True, False, True]
    redis_db.delete(pump.LEASE_KEY)  # Redis lost it, or it ended while Alice was cut off
    assert [bob.renew(), alice.renew()] == [True, False]
    alice.release()  # not hers: nothing happens
    assert bob.renew()
    bob.release()
    assert alice.renew()


# ------------------------------------------------------------------------- Redis and Postgres away


def pump_rounds(
    rounds: int, monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None]
) -> list[str]:
    """So many rounds of a pump in this thread, each announced; the faults it logs."""
    stop = threading.Event()
    one = PricePump(SyntheticWalks(7, START_PRICES), stop, interval_s=0.001)
    real, counted = one._send_all, iter(range(1, rounds + 1))

    def send_all() -> bool:
        at = next(counted)
        before(at)
        if at == rounds:
            stop.set()
        return real()

    monkeypatch.setattr(one, "_send_all", send_all)
    with capture_logs() as lines:
        one.run()
    return [
        line["event"] for line in lines if line["event"] in {"prices_fault", "prices_recovered"}
    ]


def test_redis_outage_is_one_line_and_prices_go_on_after_it(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_market(BITCOIN)
    # Nobody listens there: a true connection error.
    away = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))

    def before(at: int) -> None:
        client = redis_db if at > 2 else away
        monkeypatch.setattr(publisher, "redis_client", lambda: client)

    assert pump_rounds(4, monkeypatch, before) == ["prices_fault", "prices_recovered"]
    assert len(sent(redis_db)) == 2


def test_postgres_outage_keeps_the_markets_known_last(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_market(BITCOIN)
    calls = iter(range(1, 100))
    real = Market.objects.select_related

    def flaky(*names: str) -> Any:
        if next(calls) == 2:
            raise OperationalError("the server closed the connection")
        return real(*names)

    monkeypatch.setattr(Market.objects, "select_related", flaky)
    monkeypatch.setattr("prices.pump.close_old_connections", lambda: None)
    words = pump_rounds(3, monkeypatch, lambda _: None)
    assert words == ["prices_fault", "prices_recovered"]
    assert len(sent(redis_db)) == 3


@pytest.mark.parametrize("trouble", ["a surprise", "a stream that is none"])
def test_what_goes_wrong_with_one_market_delays_no_other(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    make_market(BITCOIN)
    make_market(ETHER)
    if trouble == "a surprise":
        step = SyntheticWalks.step

        def faulty(walks: SyntheticWalks, market: Market, home_price: Decimal | None) -> Any:
            if market.pk == "BTC-PERP":
                raise ZeroDivisionError
            return step(walks, market, home_price)

        monkeypatch.setattr(SyntheticWalks, "step", faulty)
    else:
        redis_db.set(input_stream("BTC-PERP"), "no stream")
    with capture_logs() as logs, Pump():
        wait_for(lambda: len(sent(redis_db, "ETH-PERP")) >= 10)
    faults = [line["what"] for line in logs if line["event"] == "prices_fault"]
    assert faults == ["round of BTC-PERP" if trouble == "a surprise" else "sending"]
