"""Markets → New market: suggested, previewed, refused in words, made whole or not at all."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from console.audit.models import AuditRow
from console.launch.models import MarketLaunch
from console.launch.preview import example
from console.launch.sources import WITHIN_S
from markets.config import market_config
from markets.models import Market
from matching.messages.tiers import TierTable
from prices.models import PriceSource
from tests.console.launching import SOL, filled
from tests.prices.venue import PlayedVenue
from trading.models import MarketVersion, OutboxCommand

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.django_db

PAGE, PREVIEW, CHECK = (
    reverse(f"admin:{name}") for name in ("launch", "launch-preview", "launch-check")
)


@pytest.fixture
def venue(settings: Any) -> Iterator[PlayedVenue]:
    settings.PRICE_SOURCE_HOSTS = ["127.0.0.1"]
    played = PlayedVenue()
    yield played
    played.close()


def page_of(client: Client, **said: str) -> str:
    response = client.post(PAGE, filled(**said))
    assert response.status_code in (200, 302)
    return response.content.decode()


def test_a_name_and_a_price_make_a_market(risk: Client) -> None:
    """As a page without scripts does it: fill in, then create."""
    page = risk.post(PAGE, SOL | {"suggest": "1"}).content.decode()
    assert 'value="0.01"' in page
    assert not Market.objects.exists()
    response = risk.post(PAGE, filled())
    assert response.status_code == 302
    assert response["Location"] == reverse("admin:launch-market", args=["SOL-PERP"])
    market = Market.objects.get()
    assert (market.tick_size, market.lot_size) == (Decimal("0.01"), Decimal("0.01"))
    assert (market.status.state, market.config_version) == ("PRE_OPEN", 1)
    assert [tier.max_leverage for tier in market.tiers.all()] == [25, 10, 5, 3, 2]
    source = PriceSource.objects.get()
    assert (source.kind, source.home_price) == ("synthetic", Decimal(150))
    version, launch = MarketVersion.objects.get(), MarketLaunch.objects.get()
    assert (version.reason, version.author_id) == ("a new market", launch.made_by_id)
    assert launch.reference_price == 150
    row = AuditRow.objects.get(verb="launch_market")
    assert (row.market, row.command_id) == ("SOL-PERP", version.command_id)
    assert OutboxCommand.objects.get().pk == version.command_id


def test_all_of_it_or_nothing(risk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_source: PriceSource) -> None:
        raise ValidationError("not this one")

    monkeypatch.setattr("console.launch.services.save_price_source", refuse)
    assert "not this one" in page_of(risk)
    for model in (Market, PriceSource, MarketVersion, OutboxCommand, MarketLaunch):
        assert not model.objects.exists()


def preview(client: Client, **said: str) -> dict[str, Any]:
    response = client.post(PREVIEW, SOL | said)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def test_a_suggestion_leaves_alone_what_was_typed(risk: Client) -> None:
    answer = preview(risk, taker_fee_percent="0.07", touched="taker_fee_percent,base_asset")
    assert answer["suggested"]["tick_size"] == "0.01"
    assert "0.69" in answer["html"] or "0.70 USD" in answer["html"]
    assert answer["problems"] == {"tiers": []}


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"reference_price": "0"}, "reference_price", "greater than or equal to"),
        ({"reference_price": "x"}, "reference_price", "Enter a number"),
        ({"reference_price": "1e400"}, "reference_price", "Ensure that"),
        ({"reference_price": "NaN"}, "reference_price", "Enter a number"),
        ({"reference_price": "9999999999", "lot_size": "1000000"}, "reference_price", "at most"),
        ({"liquidity": "huge"}, "liquidity", "valid choice"),
        ({"daily_move_percent": "0"}, "daily_move_percent", "greater than"),
        ({"daily_move_percent": "101"}, "daily_move_percent", "less than"),
        ({"copy_from": "NONE-PERP"}, "copy_from", "valid choice"),
        ({"id": "sol perp"}, "id", "Use capitals"),
        ({"id": "S" * 33}, "id", "at most 32"),
        ({"id": ""}, "id", "required"),
        ({"base_asset": "S" * 17}, "base_asset", "at most 16"),
        ({"tick_size": "0.0000001", "lot_size": "0.01"}, "lot_size", "whole number"),
        ({"tick_size": "-1"}, "tick_size", "greater than"),
        ({"max_size": "0"}, "max_size", "above zero"),
        ({"max_open_interest": "9e30"}, "max_open_interest", "Ensure that"),
        ({"price_quorum": "2"}, "price_quorum", "needs 2 healthy sources, but 1 is enabled"),
        ({"maker_fee_percent": "1"}, "taker_fee_percent", "at least the maker fee"),
        ({"funding_interval": "soon"}, "funding_interval", "valid duration"),
        ({"tiers-0-max_leverage": "5000"}, "tiers-0-max_leverage", "1000"),
        ({"tiers-0-floor": "1"}, "tiers", "must begin"),
        ({"sources-0-kind": "ccxt"}, "sources", "needs a venue"),
        ({"sources-0-kind": "magic"}, "sources", "valid choice"),
        ({"sources-0-weight": "0"}, "sources", "greater than"),
        ({"sources-0-kind": "ccxt", "sources-0-venue": "krakn", "sources-0-symbol": "S/U"},
         "sources", "Did you mean kraken"),
        ({"sources-0-kind": "ccxt", "sources-0-venue": "kraken", "sources-0-symbol": "S/U",
          "sources-0-api_url": "http://169.254.169.254"}, "sources", "not a public address"),
        ({"sources-1-kind": "ccxt", "sources-1-venue": "kraken", "sources-1-symbol": "S/U"},
         "sources", "stand beside"),
        ({"sources-1-kind": "synthetic"}, "sources", "twice"),
        ({"sources-TOTAL_FORMS": "1000000"}, "sources", "at most 4"),
        ({"sources-TOTAL_FORMS": "x"}, "sources", "ManagementForm"),
        ({"tiers-TOTAL_FORMS": "x"}, "tiers", "at least one leverage tier"),
        ({"touched": "x" * 3_000}, "touched", "at most 2000"),
    ],
)  # fmt: skip
def test_rubbish_is_refused_in_words(
    risk: Client, said: dict[str, str], field: str, words: str
) -> None:
    response = risk.post(PAGE, filled() | said)
    assert response.status_code == 200, field
    assert words in response.content.decode()
    assert not Market.objects.exists()
    assert risk.post(PREVIEW, filled() | said).status_code == 200
    assert risk.post(PREVIEW, said).status_code == 200
    assert risk.post(PAGE, said).status_code == 200


def test_a_market_that_is_there_already(risk: Client, market: Market) -> None:
    assert "already exists" in page_of(risk, id=market.pk)
    assert Market.objects.count() == 1
    market.refresh_from_db()
    assert market.config_version == 1


def test_copying_another(risk: Client, market: Market) -> None:
    """Rates and tiers as there; tick, lot and sizes by the price: BTC is at 2,510."""
    page_of(risk, copy_from=market.pk)
    made = Market.objects.get(pk="SOL-PERP")
    assert made.taker_fee_ppm == market.taker_fee_ppm
    assert made.min_notional_units == market.min_notional_units
    assert made.tick_size == Decimal("0.01")
    worth = market.max_size_lots * market.lot_size * 2_510
    assert worth / 2 < made.max_size_lots * made.lot_size * 150 <= worth
    assert list(made.tiers.values_list("floor_units", "max_leverage", "maintenance_ppm")) == list(
        market.tiers.values_list("floor_units", "max_leverage", "maintenance_ppm")
    )


def test_the_preview_is_of_the_rules_that_would_be_made(risk: Client) -> None:
    html = preview(risk)["html"]
    page_of(risk)
    market = Market.objects.get()
    table = TierTable(market_config(market))
    one = example(market, table, 15_000, 10)
    assert (one.size_lots, one.margin_units, one.fee_units) == (666, 99_900_000, 499_500)
    assert one.hold_units == 100_399_500
    lots, cost = one.size_lots, 666 * 15_000 * market.units_per_tick_lot
    for signed, ticks in ((lots, one.long_liquidation_ticks), (-lots, one.short_liquidation_ticks)):
        position = (signed, cost if signed > 0 else -cost, one.margin_units)
        assert table.is_liquidatable(*position, ticks)
        assert not table.is_liquidatable(*position, ticks + (1 if signed > 0 else -1))
    assert f"{one.long_liquidation_ticks / 100:.2f} (" in html
    assert ">100.3995<" in html


# --- asking venues --------------------------------------------------------------------------------


def sources(venue: PlayedVenue, *symbols: str) -> dict[str, str]:
    said = {"sources-0-kind": ""}
    for at, symbol in enumerate(symbols):
        row = {"kind": "ccxt", "venue": "bitstamp", "symbol": symbol, "api_url": venue.url}
        said |= {f"sources-{at}-{name}": value for name, value in row.items()}
    return said


def check(client: Client, said: dict[str, str]) -> dict[str, Any]:
    response = client.post(CHECK, SOL | said)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def test_sources_are_asked_beside_each_other(risk: Client, venue: PlayedVenue) -> None:
    venue.says("150.5")
    answer = check(risk, sources(venue, "BTC/USD", "BTC/EUR", "NONE/USD"))
    assert answer["price"] == "150.5"
    for words in ("healthy", "150.5", "+0.000 %", "has no symbol NONE/USD"):
        assert words in answer["html"]
    assert "bitstamp BTC/USD" in AuditRow.objects.get(verb="check_now").words


def test_who_is_silent_is_not_waited_for(
    risk: Client, venue: PlayedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WITHIN_S <= 5
    monkeypatch.setattr("console.launch.sources.WITHIN_S", 0.2)
    venue.fall_silent()
    assert "no answer within 0.2 s" in check(risk, sources(venue, "BTC/USD"))["html"]


def test_an_address_inside_is_not_asked(risk: Client, venue: PlayedVenue, settings: Any) -> None:
    settings.PRICE_SOURCE_HOSTS = []
    assert "not a public address" in check(risk, sources(venue, "BTC/USD"))["html"]
    assert venue.asked == []


def test_nothing_to_ask(risk: Client) -> None:
    assert "No source is filled in" in check(risk, {"sources-0-kind": ""})["html"]
    assert "made up" in check(risk, {})["html"]


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["viewer", "support", "treasury", "risk", "superuser"])
def test_who_may(client_of: ClientOf, market: Market, group: str) -> None:
    client, may = client_of(group), group in ("risk", "superuser")
    checklist = reverse("admin:launch-market", args=[market.pk])
    versions = reverse("admin:market-versions", args=[market.pk])
    get = {PAGE: may, PREVIEW: None, CHECK: None, checklist: True, versions: True}
    post = {PAGE: may, PREVIEW: may, CHECK: may, checklist: may, versions: may}
    for url, allowed in get.items():
        expected = 405 if allowed is None else 200 if allowed else 403
        assert client.get(url).status_code == expected, url
    for url, allowed in post.items():
        assert (client.post(url).status_code == 403) is not allowed, url
    assert ("New market" in client.get(reverse("admin:index")).content.decode()) is may
    assert OutboxCommand.objects.count() == 0


def test_nobody_signed_in(market: Market) -> None:
    for name in ("launch-market", "market-versions"):
        assert Client().get(reverse(f"admin:{name}", args=[market.pk])).status_code == 302
    for url in (PAGE, PREVIEW, CHECK):
        assert Client().post(url).status_code == 302
