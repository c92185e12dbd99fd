"""An order keeps every term it was placed with, on every way it can come to rest: each term is seen
by what it does then. `tests.recovery.test_terms_rebuilt` has the way through Postgres."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from matching.messages.commands import Trigger
from matching.messages.events import Event
from matching.messages.vocabulary import SelfTradePrevention, TimeInForce, TriggerBy
from tests.matching.actors import (
    HOUR_MS,
    PLENTY_PER_LOT,
    START_MS,
    Exchange,
    Placed,
    Trader,
    positioned,
    stop_at,
    take_profit_at,
    trailing_stop_at,
)

LOTS = 2
PRICE = 1_010


class Market:
    """Alice, who may be long, and an order of hers to sell two lots at 1,010, the mark at 1,000."""

    def __init__(self, **terms: Any) -> None:
        self.exchange = Exchange()
        self.alice, self.bob, self.carol = self.exchange.traders("alice", "bob", "carol")
        self.margin_per_lot = terms.pop("margin_per_lot", 0)
        self.terms = terms
        if terms.get("reduce_only"):
            positioned(self.exchange, long=self.alice, short=self.bob, lots=LOTS + 1)

    def places(self, lots: int = LOTS, at: int = PRICE, **more: Any) -> Placed:
        margin = self.margin_per_lot * lots
        return self.alice.sells(lots, at=at, margin=margin, **self.terms, **more)

    def fires(self, *, restart_at: str = "", is_amended: bool = False) -> Placed:
        if is_amended:
            order = self.places(LOTS + 1, PRICE + 3, trigger=take_profit_at(1_030))
            self.alice.moves(order, trigger=1_005, at=PRICE, lots=LOTS)
        else:
            order = self.places(trigger=take_profit_at(1_005))
        if restart_at == "waiting":
            self.exchange.restarts()
        self.exchange.mark(1_005)
        if restart_at == "fired":
            self.exchange.restarts()
        if not self.terms.get("reduce_only"):
            self.alice.activates(order, hold=(PLENTY_PER_LOT + self.margin_per_lot) * LOTS)
        self.exchange.mark(1_000)
        return order


def rests(market: Market) -> Placed:
    return market.places()


def is_amended(market: Market) -> Placed:
    order = market.places(at=PRICE + 3)
    market.alice.amends(order, at=PRICE, lots=LOTS)
    return order


def is_amended_to_less(market: Market) -> Placed:
    order = market.places(lots=LOTS + 1)
    market.alice.amends(order, at=PRICE, lots=LOTS)
    return order


def is_amended_twice_around_a_restart(market: Market) -> Placed:
    order = market.places(at=PRICE + 3)
    market.alice.amends(order, at=PRICE + 2, lots=LOTS)
    market.exchange.restarts()
    market.alice.amends(order, at=PRICE, lots=LOTS)
    return order


def restarts(market: Market) -> Placed:
    order = market.places()
    market.exchange.restarts()
    return order


def fires(market: Market) -> Placed:
    return market.fires()


def is_amended_while_it_waits(market: Market) -> Placed:
    return market.fires(is_amended=True)


def is_amended_while_it_waits_and_restarts(market: Market) -> Placed:
    return market.fires(is_amended=True, restart_at="waiting")


def fires_after_a_restart(market: Market) -> Placed:
    return market.fires(restart_at="waiting")


def gets_its_hold_after_a_restart(market: Market) -> Placed:
    return market.fires(restart_at="fired")


def fires_restarts_and_is_amended(market: Market) -> Placed:
    order = market.fires()
    market.exchange.restarts()
    market.alice.amends(order, at=PRICE + 1, lots=LOTS)
    market.alice.amends(order, at=PRICE, lots=LOTS)
    return order


PATHS = [
    rests,
    is_amended,
    is_amended_to_less,
    is_amended_twice_around_a_restart,
    restarts,
    fires,
    is_amended_while_it_waits,
    is_amended_while_it_waits_and_restarts,
    fires_after_a_restart,
    gets_its_hold_after_a_restart,
    fires_restarts_and_is_amended,
]


def meets_its_own(market: Market, order: Placed) -> object:
    """It is moved to a bid of the same trader's: who goes?"""
    own = market.alice.buys(1, at=1_003)
    gone = market.alice.amends(order, at=1_003, lots=LOTS).cancels
    assert all(reason == "SELF_TRADE" for _, reason, _, _ in gone)
    names = {own.order_id: "maker", order.order_id: "taker"}
    return [names[order_id] for order_id, *_ in gone]


def would_take(market: Market, order: Placed) -> object:
    market.carol.buys(1, at=1_003)
    return [c[1] for c in market.alice.amends(order, at=1_003, lots=LOTS).cancels]


def loses_its_position(market: Market, order: Placed) -> object:
    market.carol.buys(LOTS + 1, at=999)
    gone = market.alice.sells(LOTS + 1, at=999).cancels
    return [(reason, lots) for order_id, reason, lots, _ in gone if order_id == order.order_id]


def time_passes(market: Market, order: Placed) -> object:
    market.exchange.passes(HOUR_MS // 2)
    gone = market.bob.cancels_all().cancels
    return [(reason, lots) for order_id, reason, lots, _ in gone if order_id == order.order_id]


def is_filled(market: Market, _order: Placed) -> object:
    (trade,) = market.carol.buys(LOTS, at=PRICE).trades
    return trade.maker.fee_units, market.alice.position[2]


STP = SelfTradePrevention
TERMS: list[tuple[dict[str, Any], Callable[[Market, Placed], object], object]] = [
    ({"stp": STP.EXPIRE_MAKER}, meets_its_own, ["maker"]),
    ({"stp": STP.EXPIRE_TAKER}, meets_its_own, ["taker"]),
    ({"stp": STP.EXPIRE_BOTH}, meets_its_own, ["maker", "taker"]),
    ({"tif": TimeInForce.GTX}, would_take, ["POST_ONLY_WOULD_TAKE"]),
    ({"tif": TimeInForce.GTC}, would_take, []),
    ({"reduce_only": True}, loses_its_position, [("REDUCE_ONLY", LOTS)]),
    ({"expires_ms": START_MS + HOUR_MS // 2}, time_passes, [("EXPIRED", LOTS)]),
    ({"expires_ms": 0}, time_passes, []),
    # 2,020,000 units change hands.
    ({"fees_ppm": (100, 300), "leverage": 5}, is_filled, (202, 404_000)),
    ({"fees_ppm": (-50, 300), "leverage": 20}, is_filled, (-101, 101_000)),
    ({"margin_per_lot": 300_001}, is_filled, (404, 600_002)),
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
@pytest.mark.parametrize(("terms", "acts", "expected"), TERMS)
def test_each_term_on_each_path(
    path: Callable[[Market], Placed],
    terms: dict[str, Any],
    acts: Callable[[Market, Placed], object],
    expected: object,
) -> None:
    market = Market(**terms)
    order = path(market)
    assert (PRICE, LOTS) in market.exchange.asks
    assert acts(market, order) == expected


# ------------------------------------------------------------------------------- while it waits


def within(trigger: Trigger, max_slippage_ppm: int) -> Trigger:
    """Of a market order, which gets its worst price from the mark it fires at."""
    return msgspec.structs.replace(trigger, max_slippage_ppm=max_slippage_ppm)


def waiting_market(restart: bool, **terms: Any) -> list[Event]:
    """All that happens: Alice is long, an order of hers to sell waits, prices go up and down."""
    exchange = Exchange(mark_clamp_ppm=1)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=5)
    events: list[Event] = []

    def goes(trader: Trader, price: int) -> None:
        events.extend(trader.buys(1, at=price).events)
        events.extend(carol.sells(1, at=price).events)
        events.extend(exchange.mark(price))

    carol.buys(2, at=960)
    order = alice.sells(5, terms.pop("at", 950), **terms)
    for price in (1_010, 1_020, 1_015):
        goes(bob, price)
    if restart:
        exchange.restarts()
    for price in (1_009, 1_000, 990, 980):
        goes(bob, price)
        exchange.passes(60_000)
    assert any(getattr(event, "order_id", 0) == order.order_id for event in events)
    return events


@pytest.mark.parametrize(
    "terms",
    [
        {"trigger": stop_at(995), "reduce_only": True},
        {"trigger": stop_at(995, TriggerBy.LAST), "reduce_only": True},
        {"trigger": take_profit_at(1_021), "expires_ms": START_MS + 60_000},
        {"trigger": trailing_stop_at(callback_ppm=20_000), "reduce_only": True},
        {"trigger": trailing_stop_at(1_018, callback_ppm=10_000), "reduce_only": True},
        {"trigger": stop_at(995), "reduce_only": True, "close_position": True},
        {"trigger": stop_at(995), "reduce_only": True, "tif": TimeInForce.IOC},
        {"trigger": stop_at(995), "reduce_only": True, "tif": TimeInForce.FOK},
        {"trigger": stop_at(995), "leverage": 3},
        {"trigger": within(stop_at(995), 7_000), "at": None},
        {"trigger": within(stop_at(995), 7_000), "at": None, "reduce_only": True},
    ],
)
def test_a_restart_changes_nothing_for_an_order_that_waits(terms: dict[str, Any]) -> None:
    assert waiting_market(restart=True, **terms) == waiting_market(restart=False, **terms)
