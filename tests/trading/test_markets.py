"""Markets as operators make them: checked, versioned, and sent to their engine."""

from decimal import Decimal
from typing import Any

import pytest
import redis
from django.core.exceptions import ValidationError
from django.db import connection

from markets import rules
from markets.models import Market
from matching.messages.commands import ConfigureMarket
from tests.trading.client import make_market, sent_commands
from trading import services
from trading.models import OutboxCommand

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_edit_is_a_version_the_engine_is_told_of(redis_db: redis.Redis) -> None:
    market = make_market()
    market.price_band_ppm = 70_000
    services.configure_market(market, by=None)
    first, second = sent_commands(redis_db)
    assert isinstance(first, ConfigureMarket)
    assert isinstance(second, ConfigureMarket)
    assert (first.config.config_version, second.config.config_version) == (1, 2)
    assert (first.config.price_band_ppm, second.config.price_band_ppm) == (100_000, 70_000)
    assert first.config.tiers == second.config.tiers
    assert second.config.units_per_tick_lot == 100
    assert Market.objects.get().config_version == 2


def test_rules_are_made_anew_of_the_markets_that_changed(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = rules.MarketRules.of

    def noting(market: Market) -> rules.MarketRules:
        made.append(market.pk)
        return real(market)

    monkeypatch.setattr(rules.MarketRules, "of", noting)
    rules.forget_markets()
    market = make_market()
    assert rules.market_rules(market.pk).price_band_ppm == 100_000
    assert rules.all_market_rules(age_max_s=0.0).keys() == {market.pk}
    assert made == [market.pk]
    market.price_band_ppm = 70_000
    services.configure_market(market, by=None)
    other = make_market("ETH-PERP")
    found = rules.all_market_rules(age_max_s=0.0)
    assert made == [market.pk, market.pk, other.pk]
    assert list(found) == [market.pk, other.pk]
    assert found[market.pk].price_band_ppm == 70_000


def test_a_market_that_was_away_is_back_as_it_was(redis_db: redis.Redis) -> None:
    """As for a process that reads the rows, and isn't told of them."""
    market = make_market()
    assert rules.all_market_rules(age_max_s=0.0).keys() == {market.pk}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no key is in the way
        cursor.execute("CREATE TEMP TABLE away AS SELECT * FROM markets_market")
        cursor.execute("DELETE FROM markets_market")
        assert rules.all_market_rules(age_max_s=0.0) == {}
        cursor.execute("INSERT INTO markets_market SELECT * FROM away")
        cursor.execute("DROP TABLE away")
        cursor.execute("RESET session_replication_role")
    assert rules.all_market_rules(age_max_s=0.0).keys() == {market.pk}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tick_size": Decimal("0.0000001")}, "lot_size"),  # a tick and lot of no whole unit
        ({"tick_size": Decimal(0)}, "tick_size"),
        ({"lot_size": Decimal(-1)}, "lot_size"),
        ({"tick_size": "abc"}, "tick_size"),
        ({"tick_size": Decimal(10_000_000), "lot_size": Decimal(10_000_000)}, "tick_size"),
        ({"price_band_ppm": 1_000_000}, "price_band_ppm"),
        ({"maker_fee_ppm": 501}, "__all__"),
        ({"min_size_lots": 200_000}, "__all__"),
        ({"max_size_lots": 10**13}, "max_size_lots"),
        ({"liquidation_fee_ppm": 100_001}, "liquidation_fee_ppm"),
        ({"maker_fee_ppm": -501}, "__all__"),
        ({"id": "btc perp"}, "id"),
    ],
)
def test_rules_that_make_no_market_are_refused(
    changes: dict[str, Any], field: str, redis_db: redis.Redis
) -> None:
    market = Market(
        **{
            "id": "BTC-PERP",
            "base_asset": "BTC",
            "tick_size": Decimal("0.1"),
            "lot_size": Decimal("0.001"),
            "max_size_lots": 100_000,
            "max_open_interest_lots": 1_000_000,
        }
        | changes
    )
    with pytest.raises(ValidationError) as caught:
        services.configure_market(market, by=None)
    assert field in caught.value.message_dict
    assert not Market.objects.exists()
    assert not OutboxCommand.objects.exists()
    assert redis_db.keys() == []


def test_tick_and_lot_stay_as_the_market_was_made(redis_db: redis.Redis) -> None:
    for field in ("tick_size", "lot_size"):
        market = Market.objects.first() or make_market()
        setattr(market, field, Decimal("0.01"))
        with pytest.raises(ValidationError, match="stays as the market was made"):
            services.configure_market(market, by=None)
    assert Market.objects.get().config_version == 1
