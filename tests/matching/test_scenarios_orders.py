"""Priority, times in force, states, limits and cancels, told with named traders."""

import pytest

from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    UpdateIndexPrice,
)
from matching.messages.events import CancelRejected, CommandRejected, PositionChanged
from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    TimeInForce,
)
from tests.matching.actors import FUNDS, Exchange, one_tier, positioned

FOK, GTX, IOC = TimeInForce.FOK, TimeInForce.GTX, TimeInForce.IOC

# ---------------------------------------------------------------------------- price, then time


def test_a_market_order_sweeps_levels_in_price_then_time_order() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    third = bob.sells(3, at=1_002)
    first = bob.sells(1, at=1_001)
    second = carol.sells(2, at=1_001)
    sweep = alice.buys(5)
    assert sweep.fills == [(1_001, 1), (1_001, 2), (1_002, 2)]
    makers = [trade.maker.order_id for trade in sweep.trades]
    assert makers == [first.order_id, second.order_id, third.order_id]
    # One position event per account, in the order in which they were touched.
    assert sweep.names == ["OrderAccepted", *["Trade"] * 3, *["PositionChanged"] * 3]
    touched = [e.account_id for e in sweep.events if isinstance(e, PositionChanged)]
    assert touched == [alice.account_id, bob.account_id, carol.account_id]
    assert exchange.asks == [(1_002, 1)]


def test_a_market_order_drops_what_the_book_cannot_fill() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.buys(2, at=999)
    order = alice.sells(5)
    assert order.fills == [(999, 2)]
    assert order.cancels == [(order.order_id, "IOC_REMAINDER", 3, 0)]
    assert alice.held == 0


def test_a_market_order_stops_at_the_band() -> None:
    exchange = Exchange(mark=1_000, price_band_ppm=50_000)  # 950 … 1,050, both inclusive
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_050, margin=200_000)
    bob.sells(1, at=1_051, margin=200_000)
    order = alice.buys(3, margin=600_000)
    assert order.fills == [(1_050, 1)]
    assert order.cancels == [(order.order_id, "PRICE_BAND", 2, 0)]
    assert exchange.asks == [(1_051, 1)]


def test_a_market_order_keeps_to_its_worst_price() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_001)
    bob.sells(1, at=1_002)
    order = alice.buys(2, worst=1_001)
    assert order.fills == [(1_001, 1)]
    assert order.cancels == [(order.order_id, "IOC_REMAINDER", 1, 0)]


def test_a_maker_the_mark_has_left_behind_is_cancelled_not_filled() -> None:
    exchange = Exchange(mark=1_000, price_band_ppm=50_000)
    alice, bob = exchange.traders("alice", "bob")
    stale = bob.buys(1, at=1_000, leverage=1)
    exchange.mark(900)  # highest fill: 945
    order = alice.sells(1, at=940, margin=200_000)
    assert order.fills == []
    assert order.cancels == [(stale.order_id, "PRICE_BAND", 1, 0)]
    assert order.rested is not None
    assert (exchange.bids, exchange.asks) == ([], [(940, 1)])


# ------------------------------------------------------------------------------ times in force


def test_post_only_rests_or_goes() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(1, at=1_001)
    crossing = alice.buys(1, at=1_001, tif=GTX)
    assert crossing.names == ["OrderAccepted", "OrderCancelled"]
    assert crossing.cancels == [(crossing.order_id, "POST_ONLY_WOULD_TAKE", 1, 0)]
    assert alice.available == FUNDS
    assert alice.buys(1, at=1_000, tif=GTX).names == ["OrderAccepted", "OrderRested"]
    assert exchange.bids == [(1_000, 1)]


def test_fill_or_kill() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(2, at=1_000)
    bob.sells(2, at=1_001)
    killed = alice.buys(5, at=1_001, tif=FOK)
    assert killed.names == ["OrderAccepted", "OrderCancelled"]
    assert killed.cancels == [(killed.order_id, "FOK_UNFILLED", 5, 0)]
    assert exchange.asks == [(1_000, 2), (1_001, 2)]
    assert alice.available == FUNDS
    assert alice.buys(4, at=1_001, tif=FOK).fills == [(1_000, 2), (1_001, 2)]


def test_fill_or_kill_does_not_count_makers_that_cannot_pay() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    poor = bob.sells(2, at=1_000, leverage=20)
    carol.sells(2, at=1_000, leverage=2)
    exchange.mark(1_060)  # 60,000 of loss a lot against Bob's 50,000 of margin
    killed = alice.buys(3, at=1_000, tif=FOK)
    assert killed.cancels == [(killed.order_id, "FOK_UNFILLED", 3, 0)]
    assert exchange.asks == [(1_000, 4)]  # a dry run changes nothing
    taken = alice.buys(2, at=1_000, tif=FOK)
    assert taken.fills == [(1_000, 2)]
    assert taken.cancels == [(poor.order_id, "UNAFFORDABLE", 2, 0)]


def test_immediate_or_cancel() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bob.sells(2, at=1_000)
    order = alice.buys(5, at=1_000, tif=IOC)
    assert order.fills == [(1_000, 2)]
    assert order.cancels == [(order.order_id, "IOC_REMAINDER", 3, 0)]
    assert exchange.bids == []


@pytest.mark.parametrize("tif", [GTX, TimeInForce.GTC])
def test_a_market_order_never_rests(tif: TimeInForce) -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    alice.buys(1, worst=1_010, tif=tif)
    assert exchange.bids == []
    assert alice.available == FUNDS


# ------------------------------------------------------------------------------- market states


@pytest.mark.parametrize(
    ("state", "plain", "post_only", "reducing"),
    [
        (MarketState.ACTIVE, None, None, None),
        (MarketState.POST_ONLY, "MARKET_STATE", None, "MARKET_STATE"),
        (MarketState.REDUCE_ONLY, "MARKET_STATE", "MARKET_STATE", None),
        (MarketState.CANCEL_ONLY, "MARKET_STATE", "MARKET_STATE", "MARKET_STATE"),
        (MarketState.HALTED, "MARKET_STATE", "MARKET_STATE", "MARKET_STATE"),
    ],
)
def test_what_each_state_accepts(
    state: MarketState, plain: str | None, post_only: str | None, reducing: str | None
) -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=3)
    resting = bob.buys(1, at=990)
    exchange.enter(state)
    assert alice.sells(1, at=1_010).refused == plain
    assert alice.sells(1, at=1_011, tif=GTX).refused == post_only
    assert alice.sells(1, at=1_012, reduce_only=True).refused == reducing
    # Cancels are accepted in every one of them.
    assert bob.cancels(resting).cancels == [(resting.order_id, "USER", 1, 0)]


def test_before_it_opens_a_market_takes_nothing() -> None:
    exchange = Exchange(mark=0, state=MarketState.CANCEL_ONLY)
    (alice,) = exchange.traders("alice")
    assert alice.buys(1, at=1_000).refused == "MARKET_STATE"
    exchange.enter(MarketState.ACTIVE)
    assert alice.buys(1, at=1_000).refused == "NO_MARK_PRICE"
    exchange.mark(1_000)
    assert alice.buys(1, at=1_000).refused is None


def test_a_halted_market_ignores_prices() -> None:
    exchange = Exchange(mark=1_000)
    exchange.enter(MarketState.HALTED)
    assert exchange.mark(2_000) == ()
    assert exchange.engine.state.mark_price_ticks == 1_000


def test_an_operator_cannot_settle_or_unopen_a_market_by_this_command() -> None:
    exchange = Exchange()
    for state in (MarketState.SETTLED, MarketState.PRE_OPEN):
        (event,) = exchange.enter(state)
        assert isinstance(event, CommandRejected)
    assert exchange.engine.state.market_state is MarketState.ACTIVE


# --------------------------------------------------------------------------- limits and cancels


def test_limits_of_the_market() -> None:
    exchange = Exchange(
        min_size_lots=2,
        max_size_lots=10,
        min_notional_units=3_000_000,
        max_open_orders=2,
        max_open_interest_lots=12,
        tiers=one_tier(20),
    )
    alice, bob = exchange.traders("alice", "bob")
    assert alice.buys(1, at=1_000).refused == "INVALID_SIZE"
    assert alice.buys(11, at=1_000).refused == "INVALID_SIZE"
    assert alice.buys(5, at=1_000, leverage=21).refused == "INVALID_LEVERAGE"
    assert alice.buys(2, at=1_000).refused == "MIN_NOTIONAL"
    assert alice.buys(3, at=1_000).refused is None  # 3,000,000 exactly
    alice.buys(5, at=998)
    assert alice.buys(5, at=999).refused == "MAX_OPEN_ORDERS"
    alice.cancels_all()
    positioned(exchange, long=alice, short=bob, lots=10)
    assert alice.buys(3, at=1_000).refused == "MAX_OPEN_INTEREST"
    # Closing is not opening.
    assert bob.buys(10, at=1_000).refused is None
    # Reduce-only orders may be as small as the trader likes, down to the market's smallest size.
    assert alice.sells(2, at=1_005, reduce_only=True).refused is None


def test_limits_at_the_edges_of_the_band() -> None:
    exchange = Exchange(mark=1_000, price_band_ppm=50_000)
    (alice,) = exchange.traders("alice")
    assert alice.buys(1, at=1_050, margin=200_000).refused is None
    assert alice.buys(1, at=1_051, margin=200_000).refused == "PRICE_OUTSIDE_BAND"
    alice.cancels_all()
    assert alice.sells(1, at=950, margin=200_000).refused is None
    assert alice.sells(1, at=949, margin=200_000).refused == "PRICE_OUTSIDE_BAND"
    # The side that can only wait is not bounded.
    assert alice.buys(1, at=500).refused is None
    assert alice.sells(1, at=2_000).refused is None


def test_cancels_of_the_wrong_orders_are_refused() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bid = alice.buys(1, at=990)
    (event,) = bob.cancels(bid).events
    assert isinstance(event, CancelRejected)
    assert str(event.code) == "NOT_ORDER_OWNER"
    alice.cancels(bid)
    (event,) = alice.cancels(bid).events
    assert isinstance(event, CancelRejected)
    assert str(event.code) == "UNKNOWN_ORDER"


def test_cancel_all_takes_only_the_accounts_own_oldest_first() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    first = alice.buys(1, at=990)
    bob.buys(1, at=990)
    second = alice.sells(2, at=1_010)
    cancelled = alice.cancels_all().cancels
    assert cancelled == [(first.order_id, "USER", 1, 0), (second.order_id, "USER", 2, 0)]
    assert (exchange.bids, exchange.asks) == ([(990, 1)], [])
    assert alice.available == FUNDS


def test_an_operators_cancel_says_so() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    bid = alice.buys(1, at=990)
    command = CancelOrder(
        command_id=exchange.next_command_id(),
        order_id=bid.order_id,
        account_id=alice.account_id,
        reason=CancelReason.OPERATOR,
    )
    (event,) = exchange.send(command)
    assert getattr(event, "reason", None) is CancelReason.OPERATOR
    assert exchange.send(command) == ()


def test_every_command_takes_a_sequence_number_whatever_comes_of_it() -> None:
    exchange = Exchange()
    (alice,) = exchange.traders("alice")
    seq = exchange.engine.seq
    repeat = CancelAllOrders(command_id=1, account_id=alice.account_id)
    stale = ConfigureMarket(command_id=exchange.next_command_id(), config=exchange.config)
    commands: list[Command] = [repeat, stale, UpdateIndexPrice(index_price_ticks=1_001)]
    for number, command in enumerate(commands, 1):
        exchange.send(command)
        assert exchange.engine.seq == seq + number
