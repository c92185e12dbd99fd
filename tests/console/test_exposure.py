"""One trader's whole exposure."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.risk.cells import part
from console.risk.exposure import exposure_of
from ledger.models import Wallet
from markets.display import money
from markets.models import Market
from markets.rules import forget_markets
from matching.messages.vocabulary import (
    OrderStatus,
    OrderType,
    Side,
    TriggerBy,
    TriggerKind,
)
from tests.admin.factories import make_order, make_user, make_world
from tests.console import risk_positions as naive
from tests.console.test_risk import page
from trading.models import Position, TraderLeverage

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db

BOARD = "/admin/risk/"


@pytest.fixture(autouse=True)
def _new_rules() -> None:
    forget_markets()


@pytest.fixture
def world(db: None) -> Market:
    return make_world()


def test_the_whole_exposure_of_a_trader(client_of: ClientOf) -> None:
    markets, user = naive.make_markets(), make_user()
    other = make_user()
    btc = naive.make_position(user, markets["BTC-PERP"], 100, 250_000_000, 30_000_000)
    eth = naive.make_position(user, markets["ETH-PERP"], -7, -2_200_000_000, 10**9)
    naive.make_position(user, markets["COARSE-PERP"], 0, 0, 0)
    naive.make_position(other, markets["BTC-PERP"], 9, 9_000_000, 9_000_000)
    TraderLeverage.objects.create(user=user, market=markets["BTC-PERP"], leverage=3)
    Wallet.objects.update_or_create(
        user=user, defaults={"available_units": 5_000_000, "held_units": 2_000_000}
    )
    exposure = exposure_of(user, timezone.now())
    assert [line.position.pk for line in exposure.lines] == [btc.pk, eth.pk]
    mine = [btc, eth]
    assert exposure.gross_units == sum(abs(naive.value_of(row)) for row in mine)
    assert exposure.net_units == sum(naive.value_of(row) for row in mine)
    assert exposure.unrealized_pnl_units == sum(naive.profit_of(row) for row in mine)
    assert exposure.margin_units == 1_030_000_000
    equity = 7_000_000 + sum(naive.equity_of(row) for row in mine)
    assert exposure.equity is not None
    assert exposure.equity.equity_units == equity
    text = page(client_of("support"), f"{BOARD}{user.pk}/")
    for amount in (exposure.gross_units, exposure.margin_units, equity, 5_000_000, 2_000_000):
        assert money(amount) in text
    assert reverse("admin:freeze", args=[user.pk]) in text


@pytest.mark.usefixtures("still")
def test_live_orders_take_one_query() -> None:
    market, user = naive.make_markets()["BTC-PERP"], make_user()
    exposure_of(user, timezone.now())  # rules of the markets are remembered from here on
    asked = []
    for _ in range(2):
        for _ in range(5):
            make_order(user, market)
        with CaptureQueriesContext(connection) as captured:
            assert exposure_of(user, timezone.now()).orders
        asked.append(len(captured))
    assert asked[0] == asked[1]


def test_live_orders_are_worth_what_is_left_of_them() -> None:
    market, user = naive.make_markets()["BTC-PERP"], make_user()
    make_order(user, market, filled_lots=200, held_units=7)  # 300 left at 2,500.00
    make_order(
        user,
        market,
        side=Side.SHORT,
        size_lots=10,
        trigger_kind=TriggerKind.STOP,
        trigger_by=TriggerBy.MARK,
        trigger_price_ticks=24_000,
        hold_units=0,
        held_units=0,
        status=OrderStatus.WAITING,
    )
    make_order(  # fired, at whatever price there is: at the mark
        user,
        market,
        side=Side.SHORT,
        size_lots=2,
        order_type=OrderType.MARKET,
        trigger_kind=TriggerKind.STOP,
        trigger_by=TriggerBy.MARK,
        trigger_price_ticks=24_000,
        triggered_at=timezone.now(),
        reduce_only=True,
        price_ticks=10**12,
        hold_units=0,
        held_units=0,
        status=OrderStatus.PENDING,
    )
    make_order(  # of the whole position
        user, market, close_position=True, reduce_only=True, hold_units=0, held_units=0
    )
    make_order(user, market, status=OrderStatus.FILLED, held_units=0)
    make_order(make_user(), market)
    (orders,) = exposure_of(user, timezone.now()).orders
    assert (orders.count, orders.of_whole_position, orders.held_units) == (4, 1, 7)
    assert orders.long_units == 300 * 25_000 * 100
    assert orders.short_units == (10 * 25_000 + 2 * 25_100) * 100


def test_a_trader_with_nothing_and_no_trader(client_of: ClientOf) -> None:
    client, operator = client_of("viewer"), make_user(is_staff=True)
    Wallet.objects.filter(user=operator).delete()
    text = page(client, f"{BOARD}{operator.pk}/")
    assert "No open position." in text
    assert "No live order." in text
    assert "none" in text
    for user_id in ("0", "999999999", str(2**63), "9" * 300):
        assert client.get(f"{BOARD}{user_id}/").status_code == 404


def test_a_traders_record_leads_to_the_exposure(client_of: ClientOf, world: Market) -> None:
    user = Position.objects.all()[0].user
    record = reverse("admin:accounts_user_change", args=[user.pk])
    assert f'href="{BOARD}{user.pk}/"' in page(client_of("viewer"), record)


def test_parts_are_rounded_down() -> None:
    assert part(Fraction(2, 3)) == "66.66 %"
    assert part(Fraction(1, 2)) == "50 %"
