"""What a trader or an operator asks changes their own rows, in the market they name, and sends
commands to no other: two traders with orders, positions and leverage in two markets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from accounts.models import User
from markets.models import LeverageTier, Market, MarketStatus
from matching.messages.vocabulary import MarketState, OrderStatus
from prices.models import PriceSource
from prices.services import save_price_source
from tests.changes import changes, nobody_else_changed, watching
from tests.trading.client import (
    Trader,
    make_market,
    make_tiers,
    make_trader,
    sent_commands,
    set_ticker,
)
from tests.trading.test_reading import THEN
from tests.trading.test_together import new_order
from trading import services
from trading.commands.markets import settle_market
from trading.commands.resend import resend_unseen_commands
from trading.commands.top_ups import fund_insurance
from trading.models import Order, OutboxCommand, Position, TraderLeverage
from trading.orders.place import place_together
from trading.orders.request import OrderChanges

pytestmark = pytest.mark.django_db(transaction=True)

MARKETS = ("BTC-PERP", "ETH-PERP")


@dataclass
class Scene:
    client: redis.Redis
    alice: Trader
    bob: Trader

    def order(self, trader: Trader, status: OrderStatus, market_id: str = "BTC-PERP") -> Order:
        return Order.objects.get(user=trader.user, market_id=market_id, status=status)

    def sent(self) -> dict[str, int]:
        return {market_id: len(sent_commands(self.client, market_id)) for market_id in MARKETS}


@pytest.fixture
def scene(redis_db: redis.Redis) -> Iterator[Scene]:
    """Of each trader in each market: an open order, a pending one, a position, a leverage."""
    for market_id in MARKETS:
        make_market(market_id)
        set_ticker(redis_db, market_id)
        MarketStatus.objects.filter(pk=market_id).update(state=MarketState.ACTIVE)
    scene = Scene(redis_db, make_trader(100_000_000_000), make_trader(100_000_000_000))
    for trader in (scene.alice, scene.bob):
        for market_id in MARKETS:
            assert trader.place(marketId=market_id, qty="0.1", margin="500").status == 202
            Order.objects.filter(user=trader.user, market_id=market_id).update(status="open")
            assert trader.place(marketId=market_id, qty="0.1", margin="500").status == 202
            Position.objects.create(
                user=trader.user,
                market_id=market_id,
                position_lots=200,
                entry_cost_units=5_000_000_000,
                margin_units=2_500_000_000,
                seq=5,
                updated_at=THEN,
            )
            TraderLeverage.objects.create(user=trader.user, market_id=market_id, leverage=20)
    make_market("SOL-PERP")
    set_ticker(redis_db, "SOL-PERP")
    scene.bob.place(marketId="SOL-PERP", qty="0.1", margin="500")  # where Alice has none
    with watching():
        yield scene


def _cancel_all(scene: Scene) -> object:
    return services.cancel_all_orders(scene.alice.user.pk, "BTC-PERP")


def _market(market_id: str = "BTC-PERP") -> Market:
    return Market.objects.get(pk=market_id)


CALLS: dict[str, tuple[Callable[[Scene], object], int]] = {
    # By name: the call, and how many commands BTC-PERP hears. A cancel of all and a countdown
    # stand behind the one order of hers there that may still be on its way.
    "place": (lambda s: s.alice.place(), 1),
    "cancel": (
        lambda s: services.cancel_order(
            s.alice.user.pk, s.order(s.alice, OrderStatus.OPEN).pk
        ),
        1,
    ),
    "cancel pending": (
        lambda s: services.cancel_order(
            s.alice.user.pk, s.order(s.alice, OrderStatus.PENDING).pk
        ),
        2,
    ),
    "cancel all": (_cancel_all, 2),
    "countdown": (lambda s: services.set_countdown(s.alice.user.pk, "BTC-PERP", 60_000), 2),
    "amend": (
        lambda s: services.amend_order(
            s.alice.user.pk, s.order(s.alice, OrderStatus.OPEN).pk, OrderChanges(qty="0.2")
        ),
        1,
    ),
    "add margin": (lambda s: services.adjust_margin(s.alice.user.pk, "BTC-PERP", "7"), 1),
    "take margin": (lambda s: services.adjust_margin(s.alice.user.pk, "BTC-PERP", "-7"), 1),
    "leverage": (lambda s: services.set_leverage(s.alice.user.pk, "BTC-PERP", 30), 0),
    "state": (lambda s: services.set_market_state(_market(), MarketState.HALTED, by=None), 1),
    "rules": (lambda s: services.configure_market(_market(), by=None, tiers=make_tiers()), 1),
    "settle": (lambda s: settle_market(_market(), "25000", by=None), 1),
    "fund": (lambda s: fund_insurance(_market(), 5, by=None), 1),
}  # fmt: skip
BY_TRADERS = [name for name in CALLS if name not in ("state", "rules", "settle", "fund")]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_reaches_its_market_and_its_trader(scene: Scene, name: str) -> None:
    call, commands = CALLS[name]
    before = scene.sent()
    with changes() as found:
        call(scene)
    assert found.seen
    users = {scene.alice.user.pk} if name in BY_TRADERS else set()
    nobody_else_changed(found, markets={"BTC-PERP"}, users=users)
    assert scene.sent() == {
        "BTC-PERP": before["BTC-PERP"] + commands, "ETH-PERP": before["ETH-PERP"],
    }  # fmt: skip
    _assert_money_is_consistent()


def _assert_money_is_consistent() -> None:
    from tests.trading.test_together import assert_money_agrees

    # What is held for commands on their way is not held by an order.
    for command in OutboxCommand.objects.filter(applied_seq__isnull=True):
        units = command.payload.get("hold_units", command.payload.get("amount_units", 0))
        if command.command_type in ("AmendOrder", "AdjustMargin") and units > 0:
            return
    assert_money_agrees()


def test_all_markets_means_those_of_the_trader(scene: Scene) -> None:
    with changes() as found:
        assert services.cancel_all_orders(scene.alice.user.pk, None) == list(MARKETS)
    nobody_else_changed(found, users={scene.alice.user.pk})
    rows = [change.row for change in found.of("trading_outboxcommand")]
    assert {row["payload"]["account_id"] for row in rows} == {scene.alice.user.pk}
    for market_id in MARKETS:
        newest = sent_commands(scene.client, market_id)[-2:]
        assert {command.account_id for command in newest} == {scene.alice.user.pk}


def test_orders_of_two_move_the_money_of_each(scene: Scene) -> None:
    """In one statement; 0.1 at 25,000 with a margin of 500 holds 501.25."""
    alice, bob = scene.alice.user.pk, scene.bob.user.pk
    body = {"qty": "0.1", "margin": "500"}
    with changes() as found:
        place_together(
            [
                (alice, new_order(**body)),
                (bob, new_order(marketId="ETH-PERP", **body)),
                (alice, new_order(marketId="ETH-PERP", **body)),
            ]
        )
    nobody_else_changed(found, users={alice, bob})
    moved = {
        change.row["user_id"]: change.row["held_units"] - change.old["held_units"]
        for change in found.of("ledger_wallet")
        if change.old is not None
    }
    assert moved == {alice: 2 * 501_250_000, bob: 501_250_000}
    entries = {change.row["id"]: change.row for change in found.of("ledger_journalentry")}
    orders = {change.row["id"]: change.row for change in found.of("trading_order")}
    assert len(entries) == len(orders) == 3
    for entry in entries.values():
        assert entry["market_id"] == orders[entry["order_id"]]["market_id"]
    assert len(found.of("ledger_posting")) == 6


def test_tiers_of_another_market_stay(scene: Scene) -> None:
    kept = list(LeverageTier.objects.filter(market_id="ETH-PERP").order_by("pk").values())
    tiers = [LeverageTier(floor_units=0, max_leverage=25, maintenance_ppm=10_000)]
    services.configure_market(_market(), by=None, tiers=tiers)
    assert [t.max_leverage for t in LeverageTier.objects.filter(market_id="BTC-PERP")] == [25]
    assert list(LeverageTier.objects.filter(market_id="ETH-PERP").order_by("pk").values()) == kept


def test_leverage_in_use_elsewhere_or_by_another_does_not_count(scene: Scene) -> None:
    """Alice's orders and position have 5× and 2×; Bob, and her other market, would not allow 6."""
    Order.objects.filter(user=scene.bob.user).update(margin_units=0, leverage=20)
    Order.objects.filter(market_id="ETH-PERP").update(margin_units=0, leverage=20)
    Position.objects.exclude(user=scene.alice.user, market_id="BTC-PERP").update(
        margin_units=250_000_000
    )
    services.set_leverage(scene.alice.user.pk, "BTC-PERP", 6)
    kept = TraderLeverage.objects.exclude(user=scene.alice.user, market_id="BTC-PERP")
    assert set(kept.values_list("leverage", flat=True)) == {20}


def test_a_price_source_is_saved_for_its_market(scene: Scene) -> None:
    for market_id in MARKETS:
        PriceSource.objects.create(market_id=market_id, kind="synthetic", weight=1, enabled=True)
    source = PriceSource.objects.get(market_id="BTC-PERP")
    source.weight = 2
    with changes() as found:
        save_price_source(source)
    nobody_else_changed(found, markets={"BTC-PERP"}, users=set())
    assert found.tables <= {"prices_pricesource", "markets_market"}


def test_what_is_sent_again_goes_to_its_own_market(scene: Scene) -> None:
    """One order of Bob's is old enough; nothing of Alice's nor of the other market is sent."""
    lost = scene.order(scene.bob, OrderStatus.PENDING, "ETH-PERP")
    OutboxCommand.objects.update(applied_seq=1)
    Order.objects.filter(status="pending").exclude(pk=lost.pk).update(status="open")
    Order.objects.filter(pk=lost.pk).update(created_at=THEN)
    from persistence.models import MarketCursor

    MarketCursor.objects.update(entry_time_ms=4_000_000_000_000)
    before = scene.sent()
    with changes() as found:
        assert resend_unseen_commands() == 1
    assert found.seen == []
    assert scene.sent() == {"BTC-PERP": before["BTC-PERP"], "ETH-PERP": before["ETH-PERP"] + 1}
    assert sent_commands(scene.client, "ETH-PERP")[-1].order_id == lost.pk


def test_users_are_not_touched_by_trading(scene: Scene) -> None:
    with changes() as found:
        scene.alice.place()
    assert "accounts_user" not in found.tables
    assert User.objects.count() == 2
