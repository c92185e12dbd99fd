"""Markets are edited in human units, refused in words, and sent to the engine as rules."""

from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from exchange_site.admin_base import url_of
from trading.models import Market, OutboxCommand

ClientOf = Callable[[str], Client]

RULES = {
    "min_size": "0.002",
    "max_size": "50",
    "min_notional": "12.5",
    "max_open_interest": "2000",
    "maker_fee_percent": "0.01",
    "taker_fee_percent": "0.0525",
    "price_band_percent": "7.5",
    "max_leverage": "25",
    "max_open_orders": "150",
}
NEW = {"id": "ETH-PERP", "base_asset": "ETH", "tick_size": "0.05", "lot_size": "0.001"} | RULES


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
    page = post(client, url_of(Market, market.pk), RULES)
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
        "maker_fee_ppm": 100,
        "taker_fee_ppm": 525,
        "max_leverage": 25,
        "max_open_orders": 150,
        "max_open_interest_lots": 2_000_000,
    }
    page = client.get(url_of(Market, market.pk)).content.decode()
    assert "version 2 asked for" in page
    assert "version 1 applied" in page


def test_tick_and_lot_stay_as_they_were_born(client_of: ClientOf, market: Market) -> None:
    data = RULES | {"tick_size": "5", "lot_size": "7", "id": "OTHER", "base_asset": "DOGE"}
    post(client_of("risk"), url_of(Market, market.pk), data)
    market.refresh_from_db()
    assert (market.tick_size, market.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (market.base_asset, Market.objects.count()) == ("BTC", 1)


def test_a_market_is_made_with_its_accounts(client_of: ClientOf) -> None:
    page = post(client_of("risk"), reverse("admin:trading_market_add"), NEW)
    assert "on their way to its engine" in page
    made = Market.objects.get(pk="ETH-PERP")
    assert (made.config_version, made.min_size_lots, made.status.state) == (1, 2, "PRE_OPEN")
    assert OutboxCommand.objects.get().payload["config"]["units_per_tick_lot"] == 50


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tick_size": "0.0001", "lot_size": "0.0001"}, "must be a whole number"),
        ({"min_size": "0.0025"}, "must be a multiple of the lot 0.001"),
        ({"min_size": "60"}, "The maximum size must be at least the minimum size."),
        ({"maker_fee_percent": "0.06"}, "The taker fee must be at least the maker fee."),
        ({"taker_fee_percent": "0.00001"}, "no more than 4 decimal places"),
        ({"taker_fee_percent": "101"}, "less than or equal to 100"),
        ({"price_band_percent": "100"}, "less than or equal to 99.9999"),
        ({"min_size": "0"}, "must be above zero"),
        ({"min_size": "-1"}, "greater than or equal to 0"),
        ({"min_size": "NaN"}, "Enter a number."),
        ({"max_size": "1e400"}, "Ensure that"),
        ({"max_size": "9999999999999"}, "must be at most"),
        ({"max_leverage": "5000"}, "less than or equal to 1000"),
        ({"max_open_orders": "100001"}, "100000"),
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
    page = post(client_of("risk"), reverse("admin:trading_market_add"), NEW | change)
    assert complaint in page
    assert Market.objects.count() == 1
    assert not OutboxCommand.objects.exists()
