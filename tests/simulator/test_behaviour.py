"""What simulated traders decide: seeded, within the market's rules, and alive."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from simulator import behaviour, holders
from simulator.actions import (
    Action,
    AdjustMargin,
    Amend,
    Cancel,
    CancelMany,
    Holding,
    MarketView,
    OpenOrder,
    Place,
    PlaceMany,
    SetCountdown,
    SetLeverage,
    in_batches,
)
from simulator.identity import Kind, identities

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
    tiers=((Decimal(0), 50), (Decimal(50_000), 25), (Decimal(250_000), 10)),
)
COARSE = replace(
    BTC, tick_size=Decimal(5), lot_size=Decimal(1), min_size=Decimal(2), max_leverage=3, tiers=()
)


def rng(seed: int = 7) -> random.Random:
    return random.Random(seed)


def filled_book(market: MarketView, turns: int = 20) -> list[OpenOrder]:
    """The orders of a maker whose quotes all rest."""
    orders: list[OpenOrder] = []
    dice = rng()
    for _ in range(turns):
        for action in behaviour.maker_actions(dice, market, orders, Decimal(0)):
            if isinstance(action, SetCountdown):
                continue
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
    dice = rng()
    seen: list[Action] = []
    for _ in range(20):
        actions = behaviour.maker_actions(dice, moved, orders, Decimal(0))
        assert len(actions) <= behaviour.ACTIONS_PER_TURN + 1  # its countdown
        seen += actions
    gone = {action.order_id for action in seen if isinstance(action, Cancel)}
    moved_ids = {action.order_id for action in seen if isinstance(action, Amend)}
    prices = [action.price for action in seen if isinstance(action, Place | Amend)]
    assert gone | moved_ids <= {order.order_id for order in orders}
    assert gone
    assert moved_ids
    assert all(abs(p / 51_000 - 1) < Decimal("0.006") for p in prices if p is not None)


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
        holding = Holding(position, abs(position) * 100)
        actions += holders.closer_actions(dice, market, holding)
        actions += holders.gambler_actions(dice, market, holding, Decimal(1_000))
        for action in actions:
            if isinstance(action, Place):
                obeys_the_rules(market, action)


def obeys_the_rules(market: MarketView, action: Place) -> None:
    if action.qty is not None:
        assert action.qty >= market.min_size
        assert action.qty % market.lot_size == 0
        assert action.qty * market.index_price >= market.min_notional
    assert (action.qty is None) is (action.reduce_only and action.trigger is not None)
    assert action.price is None or action.price % market.tick_size == 0
    assert action.reduce_only is (action.leverage is None)
    assert action.leverage is None or 1 <= action.leverage <= market.max_leverage
    trigger = action.trigger
    if trigger is not None:
        is_trailing = trigger.kind == "TRAILING_STOP"
        assert (trigger.price is None) is is_trailing
        assert (trigger.callback is not None) is is_trailing
        assert trigger.price is None or trigger.price % market.tick_size == 0


def test_takers_use_both_sides_and_both_kinds_of_order() -> None:
    dice = rng()
    seen = set()
    leverages: set[int | None] = set()
    triggers = 0
    for _ in range(400):
        for action in behaviour.taker_actions(dice, BTC, Decimal(0)):
            assert isinstance(action, Place)
            seen.add((action.side, action.order_type, action.time_in_force))
            leverages.add(action.leverage)
            triggers += action.trigger is not None
            if action.price is not None:
                crosses = action.price > BTC.best_ask, action.price < BTC.best_bid
                assert crosses[0 if action.side == "LONG" else 1]
    kinds = (("limit", "IOC"), ("limit", "FOK"), ("market", "IOC"))
    assert seen == {(side, *kind) for side in ("LONG", "SHORT") for kind in kinds}
    assert triggers > 0
    assert {1, 2, 10} < leverages


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


def test_closers_look_after_their_position() -> None:
    seen = set()
    for seed in range(200):
        (action,) = holders.closer_actions(rng(seed), BTC, Holding(Decimal("-0.015"), Decimal(75)))
        if isinstance(action, AdjustMargin):
            assert 0 < abs(action.amount) < 75
            seen.add("adds" if action.amount > 0 else "takes out")
        elif isinstance(action, SetLeverage):
            seen.add("leverage")
        else:
            assert isinstance(action, Place)
            assert (action.side, action.reduce_only, action.order_type) == ("LONG", True, "market")
            seen.add(action.trigger.kind if action.trigger else "closes")
            if action.trigger and action.trigger.price:
                rises = action.trigger.kind == "STOP"
                assert (action.trigger.price > BTC.index_price) is rises
            assert action.qty is None or 0 < action.qty <= Decimal("0.015")
    protections = {"STOP", "TAKE_PROFIT", "TRAILING_STOP"}
    assert seen == protections | {"adds", "takes out", "leverage", "closes"}


def test_gamblers_bet_their_wallet_at_the_largest_leverage() -> None:
    for seed in range(50):
        (bet,) = holders.gambler_actions(rng(seed), BTC, Holding(), Decimal(1_000))
        assert isinstance(bet, Place)
        assert bet.qty is not None
        assert bet.leverage == 50
        assert 10_000 < bet.qty * BTC.index_price < 40_000
        (small,) = holders.gambler_actions(rng(seed), BTC, Holding(), Decimal(0))
        assert isinstance(small, Place)
        assert small.qty  # refused as too dear, which makes it bring money


def test_gamblers_do_not_protect_what_they_have() -> None:
    holding = Holding(Decimal("0.5"), Decimal(500))
    turns = [holders.gambler_actions(rng(seed), BTC, holding, Decimal(100)) for seed in range(300)]
    acts = [action for turn in turns for action in turn]
    assert 0 < len(acts) < 100
    assert not any(isinstance(action, Place) and action.trigger for action in acts)
    assert {a.reduce_only for a in acts if isinstance(a, Place)} == {True, False}


def test_several_orders_and_cancels_go_in_one_call() -> None:
    (place,) = behaviour.taker_actions(rng(3), BTC, Decimal(0))
    assert isinstance(place, Place)
    amend = Amend(4, Decimal(50_000))
    packed = in_batches([Cancel(1), place, amend, Cancel(2), place])
    assert packed == [amend, CancelMany((1, 2)), PlaceMany((place, place))]
    assert in_batches([Cancel(1), place]) == [Cancel(1), place]


@pytest.mark.parametrize("change", [{"is_active": False}, {"index_price": Decimal(0)}])
def test_nobody_trades_in_a_closed_market(change: dict[str, object]) -> None:
    closed = replace(BTC, **change)  # type: ignore[arg-type]
    position = Holding(Decimal(1), Decimal(1_000))
    assert behaviour.maker_actions(rng(), closed, [], position.size) == []
    assert behaviour.taker_actions(rng(), closed, position.size) == []
    assert holders.closer_actions(rng(), closed, position) == []
    assert holders.gambler_actions(rng(), closed, position, Decimal(1_000)) == []


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
