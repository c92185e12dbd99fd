"""Funding and settlement, told with named traders and worked out by hand. One tick times one lot is
1,000 units.
"""

from matching.messages.events import (
    CommandRejected,
    Event,
    FundingSettled,
    MarketStateChanged,
    OrderCancelled,
    PositionSettled,
)
from matching.messages.vocabulary import MarketState
from tests.matching.actors import (
    FUNDS,
    HOUR_MS,
    Exchange,
    every,
    only,
    opens,
    positioned,
    trailing_stop_at,
)

MINUTE_MS = 60_000

# ---------------------------------------------------------------------------------------- funding


def funded_market(restart: bool) -> tuple[tuple[Event, ...], Exchange]:
    """Half of an interval, perhaps a restart, the other half, and the settlement."""
    exchange = Exchange(funding_interval_ms=HOUR_MS, impact_notional_units=1_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(5, at=1_010)
    events: tuple[Event, ...] = ()
    for quarter in range(1, 5):
        exchange.passes(15 * MINUTE_MS)
        if restart and quarter == 3:
            exchange.restarts()
        events = exchange.mark(1_000)
    return events, exchange


def test_restart_in_the_middle_of_a_funding_interval() -> None:
    events, exchange = funded_market(restart=True)
    undisturbed, other = funded_market(restart=False)
    assert events == undisturbed
    assert exchange.engine.digest() == other.engine.digest()
    settled = only(FundingSettled, events)
    # Samples: 0 when the market opened on an empty book, then thrice 1 % (a bid of 1,010 over an
    # index of 1,000): average 0.75 %, less 0.05 % towards the interest of 0, over 8 hours; of one
    # hour 0.7 % / 8 = 0.0875 %. On 1,000,000 units a lot: 875.
    assert settled.rate_ppb == 875_000
    assert settled.per_lot_units == 875
    assert [payment.amount_units for payment in settled.payments] == [-8_750, 8_750]
    alice, bob, _ = exchange.traders("alice", "bob", "carol")
    assert alice.position == (10, 10_000_000, 500_000 - 8_750)
    assert bob.position == (-10, -10_000_000, 1_000_000 + 8_750)
    assert settled.next_funding_ms - settled.funding_time_ms == HOUR_MS
    # Nothing is settled twice.
    assert every(FundingSettled, exchange.mark(1_000)) == []


def test_funding_waits_for_an_index_and_comes_once_for_many_intervals() -> None:
    exchange = Exchange(funding_interval_ms=HOUR_MS, index_stale_ms=1_000)
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    exchange.passes(5 * HOUR_MS)
    assert every(FundingSettled, alice.cancels_all().events) == []
    assert every(FundingSettled, exchange.mark(1_000)) == []
    settled = only(FundingSettled, exchange.mark(1_000))
    assert settled.next_funding_ms == settled.funding_time_ms + 5 * HOUR_MS


# ------------------------------------------------------------------------------------- settlement


def test_settlement_with_open_orders() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=10)
    orders = [
        alice.sells(4, at=1_020, reduce_only=True),
        alice.buys(2, at=950),
        alice.sells(10, trigger=trailing_stop_at(callback_ppm=500_000), reduce_only=True),
        bob.sells(1, at=1_050),
        carol.buys(7, at=940),
    ]
    events = exchange.settles(980)
    cancels = every(OrderCancelled, events)
    assert {str(cancel.reason) for cancel in cancels} == {"SETTLEMENT"}
    assert [cancel.order_id for cancel in cancels] == [order.order_id for order in orders]
    assert [e.leg.realized_pnl_units for e in every(PositionSettled, events)] == [
        -200_000,
        200_000,
    ]
    # Everything is back: a loss of 20 ticks on ten lots, a gain as large, and the opening fees.
    assert alice.available == FUNDS - 200_000 - 5_000
    assert bob.available == FUNDS + 200_000 - 2_000
    assert carol.available == FUNDS
    assert exchange.engine.state.accounts == {}
    # For good.
    assert alice.buys(1, at=980).refused == "MARKET_STATE"
    assert exchange.mark(1_000) == ()
    assert exchange.settles(1_000)[0].__class__.__name__ == "CommandRejected"


def test_only_a_settled_market_is_delisted_and_nothing_follows() -> None:
    exchange = Exchange()
    (refused,) = exchange.enter(MarketState.DELISTED)
    assert isinstance(refused, CommandRejected)
    exchange.settles(1_000)
    for state in MarketState:
        if state is not MarketState.DELISTED:
            (refused,) = exchange.enter(state)
            assert isinstance(refused, CommandRejected), state
    delisted = only(MarketStateChanged, exchange.enter(MarketState.DELISTED))
    assert delisted.previous_state is MarketState.SETTLED
    exchange.restarts()
    assert exchange.traders("alice")[0].buys(1, at=1_000).refused == "MARKET_STATE"
    assert exchange.mark(1_000) == ()
    assert isinstance(exchange.settles(1_000)[0], CommandRejected)
    assert isinstance(exchange.enter(MarketState.ACTIVE)[0], CommandRejected)


def test_settlement_beyond_a_margin_takes_the_fund_then_a_share_of_every_worth() -> None:
    exchange = Exchange(insurance=100_000)
    alice, bob, carol, dave = exchange.traders("alice", "bob", "carol", "dave")
    opens(exchange, alice, bob, 6)  # margin 300,000
    opens(exchange, dave, carol, 3, leverage=1)
    events = exchange.settles(880)
    # Alice loses 720,000: 420,000 more than she has. The fund gives 100,000; of 320,000 the others
    # bear shares like what they have: Bob 600,000 + 720,000, Carol 300,000 + 360,000 and Dave
    # 3,000,000 − 360,000, together 4,620,000. 91,428.57, 45,714.29 and 182,857.14: one unit
    # is left over, for Bob's remainder, the largest.
    deltas = {e.leg.account_id: e.leg.insurance_delta_units for e in every(PositionSettled, events)}
    assert deltas == {1: -420_000, 2: 91_429, 3: 45_714, 4: 182_857}
    assert exchange.audit.insurance == 0
    assert alice.available == FUNDS - 3_000 - 300_000
    assert bob.available == FUNDS - 1_200 + 720_000 - 91_429
