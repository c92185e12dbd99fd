"""Markets of before get a version of the rules they have."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from markets.models import Market
from tests.trading.client import make_market
from trading import services
from trading.commands.versions import hash_of, rules_of
from trading.models import MarketVersion, OutboxCommand

BEFORE = ("trading", "0005_days")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_db")
def test_markets_of_before() -> None:
    market = make_market()
    market.taker_fee_ppm = 600
    services.configure_market(market, by=None)
    MigrationExecutor(connection).migrate([BEFORE])
    try:
        assert "trading_marketversion" not in connection.introspection.table_names()
    finally:
        forward = MigrationExecutor(connection)  # all of it: other tests follow on this database
        forward.migrate(forward.loader.graph.leaf_nodes())
    (row,) = MarketVersion.objects.all()
    market = Market.objects.get()
    rules = rules_of(market, list(market.tiers.all()))
    assert (row.version, row.rules, row.rules_hash) == (2, rules, hash_of(rules))
    assert row.command == OutboxCommand.objects.latest("pk")
    assert "when versions began" in row.reason
    services.configure_market(market, by=None)
    assert MarketVersion.objects.count() == 2
