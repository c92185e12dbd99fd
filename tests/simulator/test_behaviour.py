"""What simulated traders decide: seeded, within the market's rules, and alive."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from trading.simulator import behaviour
from trading.simulator.behaviour import Cancel, MarketView, OpenOrder, Place
from trading.simulator.identity import Kind, identities

BTC = MarketView(
    market_id="BTC-PERP",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_size=Decimal("0.001"),
    min_notional=Decimal(5),
    max_leverage=50,
    index_price=Decimal(50_000),
    best_bid=Decimal(49_990),
    best_ask=Decimal(50_010),
    is_active=True,
)
COARSE = replace(
    BTC, tick_size=Decimal(5), lot_size=Decimal(1), min_size=Decimal(2), max_leverage=3
)


def rng(seed: int = 7) -> random.Random:
    return random.Random(seed)


def filled_book(market: MarketView, turns: int = 20) -> list[OpenOrder]:
    """The orders of a maker whose quotes all rest."""
    orders: list[OpenOrder] = []
    dice = rng()
    for _ in range(turns):
        for action in behaviour.maker_actions(dice, market, orders, Decimal(0)):
            assert isinstance(action, Place)
            assert action.price is not None
            orders.append(OpenOrder(len(orders) + 1, action.side, action.price))
    return orders


@pytest.mark.parametrize("market", [BTC, COARSE])
def test_makers_fill_both_sides_and_then_rest(market: MarketView) -> None:
    orders = filled_book(market)
    for side in ("LONG", "SHORT"):
        assert sum(order.side == side for order in orders) == behaviour.QUOTES_PER_SIDE
    assert max(o.price for o in orders if o.side == "LONG") < market.index_price
    assert min(o.price for o in orders if o.side == "SHORT") > market.index_price


def test_makers_follow_the_price() -> None:
    orders = filled_book(BTC)
    moved = replace(BTC, index_price=Decimal(51_000))
    actions = behaviour.maker_actions(rng(), moved, orders, Decimal(0))
    cancelled = {action.order_id for action in actions if isinstance(action, Cancel)}
    placed = [action for action in actions if isinstance(action, Place)]
    assert cancelled
    assert cancelled <= {order.order_id for order in orders}
    assert placed
    assert all(abs(p.price / 51_000 - 1) < Decimal("0.006") for p in placed if p.price)
    assert len(actions) <= behaviour.ACTIONS_PER_TURN


def test_a_long_maker_quotes_lower_than_a_short_one() -> None:
    def quotes(position: int) -> list[Decimal]:
        actions = behaviour.maker_actions(rng(), BTC, [], Decimal(position))
        return [a.price for a in actions if isinstance(a, Place) and a.price is not None]

    assert all(low < high for low, high in zip(quotes(5), quotes(-5), strict=True))


@pytest.mark.parametrize("market", [BTC, COARSE])
@pytest.mark.parametrize("position", [Decimal(0), Decimal(3), Decimal(-4)])
def test_every_order_obeys_the_markets_rules(market: MarketView, position: Decimal) -> None:
    for seed in range(200):
        dice = rng(seed)
        actions = behaviour.maker_actions(dice, market, [], position)
        actions += behaviour.taker_actions(dice, market, position)
        actions += behaviour.closer_actions(dice, market, position)
        for action in actions:
            assert isinstance(action, Place)
            assert action.qty >= market.min_size
            assert action.qty % market.lot_size == 0
            assert action.qty * market.index_price >= market.min_notional
            assert action.price is None or action.price % market.tick_size == 0
            assert action.leverage is not None
            assert 1 <= action.leverage <= market.max_leverage


def test_takers_use_both_sides_and_both_kinds_of_order() -> None:
    dice = rng()
    seen = set()
    for _ in range(200):
        for action in behaviour.taker_actions(dice, BTC, Decimal(0)):
            assert isinstance(action, Place)
            assert action.time_in_force == "IOC"
            seen.add((action.side, action.order_type))
            if action.price is not None:
                crosses = action.price > BTC.best_ask, action.price < BTC.best_bid
                assert crosses[0 if action.side == "LONG" else 1]
    assert seen == {(s, t) for s in ("LONG", "SHORT") for t in ("limit", "market")}


def test_takers_with_a_large_position_trade_back() -> None:
    for seed in range(50):
        (long,) = behaviour.taker_actions(rng(seed), BTC, Decimal(5))
        (short,) = behaviour.taker_actions(rng(seed), BTC, Decimal(-5))
        assert isinstance(long, Place)
        assert isinstance(short, Place)
        assert (long.side, short.side) == ("SHORT", "LONG")


def test_takers_wait_for_a_book() -> None:
    empty = replace(BTC, best_bid=Decimal(0), best_ask=Decimal(0))
    assert behaviour.taker_actions(rng(), empty, Decimal(0)) == []


def test_closers_close_reduce_only_and_never_more_than_they_have() -> None:
    for seed in range(100):
        (action,) = behaviour.closer_actions(rng(seed), BTC, Decimal("-0.015"))
        assert isinstance(action, Place)
        assert (action.side, action.reduce_only, action.order_type) == ("LONG", True, "market")
        assert 0 < action.qty <= Decimal("0.015")


@pytest.mark.parametrize("change", [{"is_active": False}, {"index_price": Decimal(0)}])
def test_nobody_trades_in_a_closed_market(change: dict[str, object]) -> None:
    closed = replace(BTC, **change)  # type: ignore[arg-type]
    position = Decimal(1)
    assert behaviour.maker_actions(rng(), closed, [], position) == []
    assert behaviour.taker_actions(rng(), closed, position) == []
    assert behaviour.closer_actions(rng(), closed, position) == []


def test_same_seed_same_decisions() -> None:
    def decisions(seed: int) -> list[object]:
        dice = rng(seed)
        return [behaviour.taker_actions(dice, BTC, Decimal(0)) for _ in range(50)]

    assert decisions(7) == decisions(7)
    assert decisions(7) != decisions(8)


def test_identities_are_the_same_again_and_secret() -> None:
    first = identities(7, 20, "a secret")
    assert first == identities(7, 20, "a secret")
    assert len({who.username for who in first}) == 20
    assert {who.kind for who in first} == set(Kind)
    others = identities(7, 20, "another secret")
    assert [who.username for who in others] == [who.username for who in first]
    assert not {who.password for who in others} & {who.password for who in first}
    assert not {w.username for w in identities(8, 20, "a secret")} & {w.username for w in first}
    assert all(who.password.isascii() and len(who.password) >= 40 for who in first)
