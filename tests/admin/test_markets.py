"""Markets are edited in human units, refused in words, and sent to the engine as rules."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from common.admin.record_urls import url_of
from markets.models import LeverageTier, Market
from trading.models import OutboxCommand

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.usefixtures("alone")

RULES = {
    "min_size": "0.002",
    "max_size": "50",
    "min_notional": "12.5",
    "max_open_interest": "2000",
    "maker_fee_percent": "0.01",
    "taker_fee_percent": "0.0525",
    "price_band_percent": "7.5",
    "max_open_orders": "150",
    "price_quorum": "1",
    "liquidation_fee_percent": "0.6",
    "mark_clamp_percent": "4",
    "circuit_breaker_percent": "15",
    "index_stale_after": "00:00:12.5",
    "funding_interval": "04:00:00",
    "funding_interest_percent": "0.02",
    "funding_cap_percent": "1.5",
    "impact_notional": "5000",
}


def tiers(*rows: tuple[str, str, str], initial: Sequence[LeverageTier] = ()) -> dict[str, str]:
    """The inline's fields: (floor, leverage, maintenance %); rows beyond ``initial`` are new."""
    data = {
        "tiers-TOTAL_FORMS": str(len(rows)),
        "tiers-INITIAL_FORMS": str(len(initial)),
        "tiers-MIN_NUM_FORMS": "0",
        "tiers-MAX_NUM_FORMS": "32",
    }
    for at, (floor, leverage, maintenance) in enumerate(rows):
        data[f"tiers-{at}-floor"] = floor
        data[f"tiers-{at}-max_leverage"] = leverage
        data[f"tiers-{at}-maintenance_percent"] = maintenance
        if at < len(initial):
            data[f"tiers-{at}-id"] = str(initial[at].pk)
    return data


NEW = {"id": "ETH-PERP", "base_asset": "ETH", "tick_size": "0.05", "lot_size": "0.001"} | RULES
NEW |= tiers(("0", "25", "1.5"), ("100000.5", "10", "4"))


def post(client: Client, url: str, data: dict[str, str]) -> str:
    response = client.post(url, data, follow=True)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def test_rules_are_shown_in_human_units(client_of: ClientOf, market: Market) -> None:
    page = client_of("risk").get(url_of(Market, market.pk)).content.decode()
    for name, value in (("max_size", "100"), ("taker_fee_percent", "0.05"), ("min_notional", "5")):
        assert f'name="{name}" value="{value}"' in page, name
    viewed = client_of("viewer").get(url_of(Market, market.pk)).content.decode()
    for text in ("100 BTC", "0.05 %", "10 %", "5.00 USD", "0.1 USD", "0.001 BTC", "version 1"):
        assert text in viewed, text


def test_editing_sends_the_rules_to_the_engine(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    first, second = market.tiers.all()
    rows = (("0", "40", "1"), ("60000", "20", "2.5"), ("1000000", "20", "3"))
    data = RULES | tiers(*rows, initial=(first, second))
    page = post(client, url_of(Market, market.pk), data)
    assert "on their way to its engine" in page
    market.refresh_from_db()
    assert market.config_version == 2
    command = OutboxCommand.objects.get()
    assert command.command_type == "ConfigureMarket"
    assert command.payload["config"] == {
        "config_version": 2,
        "units_per_tick_lot": 100,
        "min_size_lots": 2,
        "max_size_lots": 50_000,
        "min_notional_units": 12_500_000,
        "price_band_ppm": 75_000,
        "max_open_orders": 150,
        "max_open_interest_lots": 2_000_000,
        "tiers": [
            {"floor_units": 0, "max_leverage": 40, "maintenance_ppm": 10_000},
            {"floor_units": 60_000_000_000, "max_leverage": 20, "maintenance_ppm": 25_000},
            {"floor_units": 1_000_000_000_000, "max_leverage": 20, "maintenance_ppm": 30_000},
        ],
        "liquidation_fee_ppm": 6_000,
        "mark_clamp_ppm": 40_000,
        "circuit_breaker_ppm": 150_000,
        "index_stale_ms": 12_500,
        "funding_interval_ms": 14_400_000,
        "funding_interest_ppm": 200,
        "funding_cap_ppm": 15_000,
        "impact_notional_units": 5_000_000_000,
    }
    assert (market.maker_fee_ppm, market.taker_fee_ppm) == (100, 525)
    assert [tier.max_leverage for tier in market.tiers.all()] == [40, 20, 20]
    page = client.get(url_of(Market, market.pk)).content.decode()
    assert "version 2 asked for" in page
    assert "version 1 applied" in page


def test_tick_and_lot_stay_as_they_were_born(client_of: ClientOf, market: Market) -> None:
    kept = tuple(market.tiers.all())
    rows = (("0", "50", "1"), ("50000", "25", "2"))
    data = (
        RULES
        | tiers(*rows, initial=kept)
        | {"tick_size": "5", "lot_size": "7", "id": "OTHER", "base_asset": "DOGE"}
    )
    post(client_of("risk"), url_of(Market, market.pk), data)
    market.refresh_from_db()
    assert (market.tick_size, market.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (market.base_asset, Market.objects.count()) == ("BTC", 1)


def test_a_market_is_made_with_its_accounts(client_of: ClientOf) -> None:
    page = post(client_of("risk"), reverse("admin:markets_market_add"), NEW)
    assert "on their way to its engine" in page
    made = Market.objects.get(pk="ETH-PERP")
    assert (made.config_version, made.min_size_lots, made.status.state) == (1, 2, "PRE_OPEN")
    assert OutboxCommand.objects.get().payload["config"]["units_per_tick_lot"] == 50


@pytest.mark.parametrize(("tick", "lot"), [("0.001", "0.001"), ("0.0000000001", "10000")])
def test_a_tick_of_a_lot_may_be_one_unit(client_of: ClientOf, tick: str, lot: str) -> None:
    sizes = {"min_size": lot, "max_size": lot, "max_open_interest": lot}
    steps = {"tick_size": tick, "lot_size": lot}
    post(client_of("risk"), reverse("admin:markets_market_add"), NEW | sizes | steps)
    assert Market.objects.get(pk="ETH-PERP").units_per_tick_lot == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tick_size": "0.0001", "lot_size": "0.0001"}, "must be a whole number"),
        ({"tick_size": "0.0011", "lot_size": "0.001"}, "must be a whole number"),
        ({"min_size": "0.0025"}, "must be a multiple of the lot 0.001"),
        ({"min_size": "60"}, "The maximum size must be at least the minimum size."),
        ({"maker_fee_percent": "0.06"}, "The taker fee must be at least the maker fee."),
        ({"taker_fee_percent": "0.00001"}, "no more than 4 decimal places"),
        ({"taker_fee_percent": "101"}, "less than or equal to 100"),
        ({"price_band_percent": "100"}, "less than or equal to 99.9999"),
        ({"max_slippage_percent": "0"}, "greater than or equal to 0.0001"),
        ({"max_slippage_percent": "7.5001"}, "The slippage must be at most the price band."),
        ({"min_size": "0"}, "must be above zero"),
        ({"min_size": "-1"}, "greater than or equal to 0"),
        ({"min_size": "NaN"}, "Enter a number."),
        ({"max_size": "1e400"}, "Ensure that"),
        ({"max_size": "9999999999999"}, "must be at most"),
        ({"maker_fee_percent": "-0.06"}, "A rebate must be at most the taker fee."),
        ({"funding_interval": "00:00:59"}, "0:01:00"),
        ({"funding_interval": "2 00:00:00"}, "1 day"),
        ({"index_stale_after": "soon"}, "Enter a valid duration."),
        ({"index_stale_after": "00:00:12.5005"}, "multiple of 0.001 seconds"),
        ({"index_stale_after": "00:00:12.5000000001"}, "multiple of 0.001 seconds"),
        ({"funding_interval": "PT4H0.0005S"}, "multiple of 0.001 seconds"),
        ({"price_quorum": "1.5"}, "Enter a whole number."),
        ({"max_open_orders": "150.0000000001"}, "Enter a whole number."),
        (tiers(("0", "25.5", "1")), "Enter a whole number."),
        (tiers(("0", "25", "1.00001")), "no more than 4 decimal places"),
        ({"liquidation_fee_percent": "11"}, "less than or equal to 10"),
        (tiers(("0", "5000", "0.001")), "less than or equal to 1000"),
        (tiers(("10", "25", "1")), "first leverage tier must begin at a position value of 0"),
        (tiers(), "at least one leverage tier"),
        (tiers(("0", "25", "1"), ("0", "20", "2")), "Two leverage tiers begin at 0.00 USD"),
        (tiers(("0", "20", "1"), ("10", "25", "2")), "Leverage must fall"),
        (tiers(("0", "25", "2"), ("10", "20", "2")), "Maintenance margin must rise"),
        (tiers(("0", "25", "4")), "below the initial margin, 4 % at 25× leverage"),
        (tiers(("0", "1", "99.9")), "together must be below 100 %"),
        (tiers(("0.0000001", "25", "1")), "smallest amount"),
        ({"max_open_orders": "100001"}, "100000"),
        ({"price_quorum": "0"}, "greater than or equal to 1"),
        ({"price_quorum": ""}, "This field is required."),
        ({"price_quorum": "2"}, "needs 2 healthy sources, but 0 are enabled: enable more"),
        ({"min_notional": "0.0000001"}, "smallest amount"),
        ({"tick_size": "0"}, "greater than or equal to"),
        ({"lot_size": "x"}, "Enter a number."),
        ({"id": "btc perp"}, "Use capitals"),
        ({"id": "BTC-PERP"}, "already exists"),
    ],
)
def test_rules_that_cannot_be_are_refused_in_words(
    client_of: ClientOf, market: Market, change: dict[str, str], complaint: str
) -> None:
    page = post(client_of("risk"), reverse("admin:markets_market_add"), NEW | change)
    assert complaint in page
    assert Market.objects.count() == 1
    assert not OutboxCommand.objects.exists()


def test_tiers_are_taken_away_and_the_rest_is_judged(client_of: ClientOf, market: Market) -> None:
    client, kept = client_of("risk"), tuple(market.tiers.all())
    data = RULES | tiers(("0", "50", "1"), ("50000", "25", "2"), initial=kept)
    page = post(client, url_of(Market, market.pk), data | {"tiers-0-DELETE": "on"})
    assert "first leverage tier must begin" in page
    page = post(client, url_of(Market, market.pk), data | {"tiers-1-DELETE": "on"})
    assert "on their way" in page
    assert [tier.floor_units for tier in market.tiers.all()] == [0]
    assert len(OutboxCommand.objects.get().payload["config"]["tiers"]) == 1


def test_tiers_are_shown_to_viewers(client_of: ClientOf, market: Market) -> None:
    page = client_of("viewer").get(url_of(Market, market.pk)).content.decode()
    for text in ("50,000.00 USD", "1 %", "2 %", "8:00:00", "20 %"):
        assert text in page, text
    assert 'name="tiers-0-floor"' not in page
