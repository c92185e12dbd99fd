"""Price sources: what operators may set, what is refused in words, what each source says now."""

from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
import redis
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from common import redis_client as clients
from common.admin.record_urls import list_url, url_of
from console.groups import ACTIONS
from markets.models import Market
from prices.index import SourceState
from prices.models import PriceSource, PriceSourceKind
from tests.admin.factories import make_market
from tests.admin.price_reports import make_price_report
from tests.admin.test_actions import act
from tests.prices.venue import PlayedVenue

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.usefixtures("alone")

ADD = reverse("admin:prices_pricesource_add")
KRAKEN = {"kind": "ccxt", "venue": "kraken", "symbol": "BTC/USD", "weight": "2", "enabled": "on"}


@pytest.fixture(autouse=True)
def _fresh_probe() -> Iterator[None]:
    clients.probe_redis_client.cache_clear()
    yield
    clients.probe_redis_client.cache_clear()


@pytest.fixture
def venue() -> Iterator[PlayedVenue]:
    played = PlayedVenue()
    yield played
    played.close()


@pytest.fixture
def bare(market: Market) -> Market:
    """A market whose synthetic source is switched off."""
    market.price_sources.update(enabled=False)
    return market


def make_source(market: Market, symbol: str = "BTC/USD", **fields: object) -> PriceSource:
    values = {"venue": "bitstamp", "symbol": symbol, "kind": PriceSourceKind.CCXT} | fields
    return PriceSource.objects.create(market=market, **values)


def post(client: Client, url: str, data: dict[str, str]) -> str:
    response = client.post(url, data, follow=True)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def test_risk_adds_and_edits_a_source(client_of: ClientOf, bare: Market) -> None:
    client = client_of("risk")
    page = post(client, ADD, KRAKEN | {"market": bare.pk})
    source = PriceSource.objects.get(venue="kraken")
    assert (source.symbol, source.weight, source.enabled) == ("BTC/USD", 2, True)
    assert "was added successfully" in page
    edited = {
        "venue": "kraken",
        "symbol": "BTC/USDT",
        "weight": "5",
        "api_url": "http://[2606:4700::1]:80",
    }
    post(client, url_of(PriceSource, source.pk), edited)
    source.refresh_from_db()
    assert (source.symbol, source.weight, source.enabled) == ("BTC/USDT", 5, False)
    assert LogEntry.objects.filter(content_type__model="pricesource").count() == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"venue": "krakn"}, "ccxt knows no venue 'krakn'. Did you mean kraken?"),
        ({"venue": ""}, "A ccxt source needs a venue and a symbol; a synthetic one has neither."),
        ({"symbol": " "}, "A ccxt source needs a venue and a symbol; a synthetic one has neither."),
        ({"kind": "synthetic"}, "A ccxt source needs a venue and a symbol"),
        ({"kind": "oracle"}, "Select a valid choice"),
        ({"weight": "0"}, "greater than or equal to 1"),
        ({"weight": "1.5"}, "Enter a whole number"),
        ({"api_url": "ftp://example.com"}, "Enter a valid URL"),
        ({"api_url": "example.com"}, "Enter a valid URL"),
        ({"symbol": "BTC/EUR"}, "The market has this source already."),
        ({"market": "NO-PERP"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    client_of: ClientOf, bare: Market, change: dict[str, str], words: str
) -> None:
    make_source(bare, "BTC/EUR", venue="kraken")
    page = post(client_of("risk"), ADD, KRAKEN | {"market": bare.pk} | change)
    assert escape(words) in page
    assert bare.price_sources.filter(kind=PriceSourceKind.CCXT).count() == 1


def test_a_made_up_price_never_stands_beside_a_venue_s(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    words = escape("A synthetic price can't stand beside a venue's: disable synthetic first.")
    assert words in post(client, ADD, KRAKEN | {"market": market.pk})
    off = {key: value for key, value in KRAKEN.items() if key != "enabled"}
    post(client, ADD, off | {"market": market.pk})
    kraken = PriceSource.objects.get(venue="kraken")
    assert words in act(client, PriceSource, "enable", [kraken])
    act(client, PriceSource, "disable", [market.price_sources.get(kind="synthetic")])
    assert "Enabled: BTC-PERP kraken BTC/USD" in act(client, PriceSource, "enable", [kraken])
    kraken.refresh_from_db()
    assert kraken.enabled


def test_a_quorum_needs_its_sources(client_of: ClientOf, bare: Market) -> None:
    client = client_of("risk")
    first, second = make_source(bare, "BTC/USD"), make_source(bare, "BTC/EUR")
    bare.price_quorum = 2
    bare.full_clean()
    bare.save()
    words = "The index price needs 2 healthy sources, but 1 is enabled: enable more, or need fewer."
    assert words in act(client, PriceSource, "disable", [first])
    off = {"venue": "bitstamp", "symbol": "BTC/EUR", "weight": "1"}
    assert words in post(client, url_of(PriceSource, second.pk), off)
    assert bare.price_sources.filter(enabled=True).count() == 2


@pytest.mark.parametrize("group", sorted(ACTIONS))
def test_only_risk_sets_and_asks_sources(
    client_of: ClientOf, market: Market, group: str, venue: PlayedVenue
) -> None:
    client = client_of(group)
    source = make_source(market, enabled=False, api_url=venue.url)
    may = group == "risk"
    page = client.get(list_url(PriceSource, "")).content.decode()
    for action in ("check_now", "enable", "disable"):
        assert (f'value="{action}"' in page) == may, action
    assert (client.get(ADD).status_code == HTTPStatus.OK) == may
    response = client.post(url_of(PriceSource, source.pk), {})
    assert (response.status_code != HTTPStatus.FORBIDDEN) == may
    act(client, PriceSource, "check_now", [source])
    assert bool(venue.asked) == may
    assert client.get(url_of(PriceSource, source.pk)).status_code == HTTPStatus.OK
    delete = reverse("admin:prices_pricesource_delete", args=[source.pk])
    assert client.post(delete, {"post": "yes"}).status_code == HTTPStatus.FORBIDDEN


def test_check_now_shows_the_price_or_the_error(
    client_of: ClientOf, market: Market, venue: PlayedVenue
) -> None:
    client = client_of("risk")
    there = make_source(market, enabled=False, api_url=venue.url)
    unknown = make_source(market, "DOGE/USD", enabled=False, api_url=venue.url)
    made_up = market.price_sources.get(kind=PriceSourceKind.SYNTHETIC)
    page = act(client, PriceSource, "check_now", [there, unknown, made_up])
    assert "BTC-PERP bitstamp BTC/USD: 50,000 USD, " in page
    assert "BTC-PERP bitstamp DOGE/USD: bitstamp has no symbol DOGE/USD" in page
    assert "BTC-PERP synthetic: made up by the price process" in page
    venue.fail(500)
    page = act(client, PriceSource, "check_now", [there])
    assert "BTC-PERP bitstamp BTC/USD: ExchangeNotAvailable: HTTP 500" in page


def test_check_now_asks_few_at_a_time(
    client_of: ClientOf, market: Market, venue: PlayedVenue
) -> None:
    rows = [make_source(market, f"A{at}/USD", enabled=False) for at in range(11)]
    page = act(client_of("risk"), PriceSource, "check_now", rows)
    assert "Select at most 10 at a time. Nothing was asked." in page


@pytest.mark.parametrize("state", [SourceState.HEALTHY, SourceState.OUTLIER, SourceState.ERROR])
def test_what_each_source_says_is_shown_and_cannot_be_edited(
    client_of: ClientOf, market: Market, redis_db: redis.Redis, state: SourceState
) -> None:
    make_price_report(redis_db, market, state)
    source = market.price_sources.get()
    client = client_of("risk")
    pages = [
        client.get(url).content.decode()
        for url in (
            list_url(PriceSource, ""),
            url_of(PriceSource, source.pk),
            url_of(Market, market.pk),
        )
    ]
    error = "ExchangeNotAvailable: &lt;down&gt;"
    for page in pages:
        for text in (f">{state}</span>", "2,509.95 USD", "1,234", error):
            assert text in page, text
        assert 'name="state"' not in page
        assert 'name="errors"' not in page


def test_states_without_a_word_from_the_price_process(
    client_of: ClientOf, market: Market, redis_db: redis.Redis
) -> None:
    client = client_of("viewer")
    page = client.get(list_url(PriceSource, "")).content.decode()
    assert ">unknown</span>" in page
    make_price_report(redis_db, market)
    make_source(market)
    make_source(market, "BTC/EUR", enabled=False)
    page = client.get(list_url(PriceSource, "")).content.decode()
    for state in ("healthy", "waiting", "disabled"):
        assert f">{state}</span>" in page, state
    redis_db.set("prices:report:{BTC-PERP}", b"\xff")
    page = client.get(list_url(PriceSource, "")).content.decode()
    assert ">unknown</span>" in page


def test_a_market_without_a_source_says_so(client_of: ClientOf, market: Market) -> None:
    market.price_sources.all().delete()
    page = client_of("viewer").get(url_of(Market, market.pk)).content.decode()
    assert "No price source: the market has no index price." in page


def test_the_list_takes_no_more_queries_with_more_sources(
    client_of: ClientOf, market: Market
) -> None:
    client = client_of("superuser")

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(list_url(PriceSource, "")).status_code == HTTPStatus.OK
        return len(seen)

    few = queries()
    for at in range(20):
        make_source(make_market(f"M{at}-PERP"), enabled=False)
    assert queries() == few


def test_the_demo_gives_its_markets_a_synthetic_source_and_takes_nothing_back(db: None) -> None:
    call_command("createdemo", verbosity=0)
    kinds = PriceSource.objects.values_list("market_id", "kind", "enabled")
    assert list(kinds) == [("BTC-PERP", "synthetic", True), ("ETH-PERP", "synthetic", True)]
    PriceSource.objects.filter(market="BTC-PERP").update(enabled=False)
    PriceSource.objects.filter(market="ETH-PERP").delete()  # as of before there were sources
    call_command("createdemo", verbosity=0)
    assert list(kinds.all()) == [
        ("BTC-PERP", "synthetic", False),
        ("ETH-PERP", "synthetic", True),
    ]
