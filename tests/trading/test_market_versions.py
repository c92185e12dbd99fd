"""Every version of a market's rules is kept, whatever door it came through, and stays as it is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from approvals import services as approvals
from approvals.models import ApprovalRule, Proposal
from common.errors import DomainError, ErrorCode
from markets.models import LeverageTier, Market
from tests.builders.markets import build_market
from tests.trading.client import make_market
from trading import services
from trading.commands.versions import hash_of
from trading.models import MarketVersion, OutboxCommand

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_db")]


def versions() -> list[MarketVersion]:
    return list(MarketVersion.objects.order_by("market", "version"))


def people(*names: str) -> list[User]:
    return [User.objects.create(username=name, is_staff=True, is_superuser=True) for name in names]


def test_a_version_has_all_rules_who_asked_why_and_the_command() -> None:
    (ann,) = people("ann")
    market = make_market()
    market.taker_fee_ppm, market.price_quorum = 600, 1
    services.configure_market(market, ann, why=services.Why("dearer"))
    first, second = versions()
    assert (first.version, first.author, first.reason, first.restores) == (1, None, "", None)
    assert (second.version, second.author, second.reason) == (2, ann, "dearer")
    assert second.approved_by is None is second.proposal
    commands = list(OutboxCommand.objects.order_by("pk"))
    assert [first.command, second.command] == commands
    columns = {f.attname for f in Market._meta.concrete_fields}
    beside = {"id", "config_version", "created_at", "updated_at"}
    assert set(second.rules) == columns - beside | {"tiers"}
    assert (second.rules["tick_size"], second.rules["taker_fee_ppm"]) == ("0.1", 600)
    assert second.rules["tiers"] == [
        [t.floor_units, t.max_leverage, t.maintenance_ppm] for t in market.tiers.all()
    ]
    for row in (first, second):
        assert row.rules_hash == hash_of(row.rules)
    assert first.rules_hash != second.rules_hash


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trading_marketversion SET reason = 'other'",
        "UPDATE trading_marketversion SET rules = '{}' WHERE version = 1",
        "DELETE FROM trading_marketversion",
    ],
)
def test_postgres_refuses_to_change_or_delete_one(statement: str) -> None:
    make_market()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    (row,) = versions()
    assert row.reason == ""
    assert row.rules_hash == hash_of(row.rules)


def test_the_demo_says_where_its_markets_came_from() -> None:
    call_command("createdemo", verbosity=0)
    assert [(row.market_id, row.version, row.reason) for row in versions()] == [
        ("BTC-PERP", 1, "a market of the demo"),
        ("ETH-PERP", 1, "a market of the demo"),
    ]


def test_what_is_refused_leaves_none() -> None:
    market = make_market()
    market.taker_fee_ppm = 1
    with pytest.raises(ValidationError):
        services.configure_market(market, by=None)
    with transaction.atomic():
        services.configure_market(Market.objects.get(), by=None)
        transaction.set_rollback(True)
    assert [row.version for row in versions()] == [1]


def test_who_read_older_rules_is_told() -> None:
    make_market()
    one, other = Market.objects.get(), Market.objects.get()
    one.taker_fee_ppm, other.maker_fee_ppm = 700, 100
    services.configure_market(one, by=None)
    with pytest.raises(DomainError) as caught:
        services.configure_market(other, by=None)
    assert caught.value.code is ErrorCode.RULES_CHANGED
    assert Market.objects.get().maker_fee_ppm == 200
    assert len(versions()) == 2


def at_once(work: Callable[[int], Any]) -> list[str]:
    """Four at a time, each on a connection of its own: what became of each."""

    def run(number: int) -> str:
        try:
            work(number)
        except (DomainError, ValidationError) as error:
            return type(error).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(4) as pool:
        return sorted(pool.map(run, range(4)))


def test_operators_who_save_at_once() -> None:
    make_market()
    read = [Market.objects.get() for _ in range(4)]

    def save(number: int) -> None:
        read[number].taker_fee_ppm = 600 + number
        services.configure_market(read[number], by=None)

    assert at_once(save) == ["DomainError"] * 3 + ["done"]
    assert [row.version for row in versions()] == [1, 2]


def test_operators_who_make_the_same_market_at_once() -> None:
    results = at_once(lambda _: services.configure_market(build_market("SOL-PERP"), by=None))
    assert results.count("done") == 1
    assert len(versions()) == 1 == OutboxCommand.objects.count()


def test_a_market_that_is_new_to_its_maker_alone_changes_none() -> None:
    made = make_market()
    with pytest.raises(ValidationError, match="Somebody made"):
        services.configure_market(build_market(made.pk, taker_fee_ppm=900), by=None)
    assert Market.objects.get().taker_fee_ppm == made.taker_fee_ppm
    assert len(versions()) == 1


# --- the way back ---------------------------------------------------------------------------------


def changed(market: Market, tiers: list[LeverageTier] | None = None, **columns: int) -> None:
    for name, value in columns.items():
        setattr(market, name, value)
    services.configure_market(market, None, tiers)


def test_back_to_a_version_is_a_new_one_of_equal_rules() -> None:
    (ann,) = people("ann")
    market = make_market()
    changed(market, taker_fee_ppm=600)
    changed(market, max_open_orders=7)
    first = versions()[0]
    command_id = services.restore_or_propose(first, [], " as it was ", ann)
    assert isinstance(command_id, int)
    newest = versions()[-1]
    assert (newest.version, newest.restores, newest.reason) == (4, 1, "as it was")
    assert (newest.command_id, newest.rules_hash) == (command_id, first.rules_hash)
    assert Market.objects.get().taker_fee_ppm == 500
    payload = OutboxCommand.objects.get(pk=command_id).payload
    assert payload["config"]["max_open_orders"] == 200


def test_back_to_what_is() -> None:
    (ann,) = people("ann")
    make_market()
    with pytest.raises(DomainError, match="those of version 1 already"):
        services.restore_or_propose(versions()[0], [], "why not", ann)
    with pytest.raises(DomainError, match="reason"):
        services.restore_or_propose(versions()[0], [], " ", ann)


def test_back_to_more_risk_takes_two(settings: Any) -> None:
    settings.DEMO = False
    ann, bob = people("ann", "bob")
    market = make_market()
    stricter = [LeverageTier(floor_units=0, max_leverage=5, maintenance_ppm=90_000)]
    changed(market, stricter)
    first = versions()[0]
    asked = services.restore_or_propose(first, [], "too strict", ann)
    assert isinstance(asked, Proposal)
    assert len(versions()) == 2
    with pytest.raises(DomainError):
        approvals.approve(asked.pk, ann)
    approvals.approve(asked.pk, bob)
    newest = versions()[-1]
    assert (newest.author, newest.approved_by, newest.proposal) == (ann, bob, asked)
    assert (newest.restores, newest.rules_hash) == (1, first.rules_hash)
    assert not ApprovalRule.objects.exists()


def test_a_rule_that_came_later_stays(redis_db: redis.Redis) -> None:
    (ann,) = people("ann")
    market = make_market()
    kept = versions()[0]
    rules = {name: value for name, value in kept.rules.items() if name != "price_quorum"}
    changed(market, taker_fee_ppm=600)
    older = MarketVersion(market=market, version=1, rules=rules)
    services.restore_or_propose(older, [], "back", ann)
    assert versions()[-1].rules == kept.rules
