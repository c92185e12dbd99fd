"""Liquidation, deleveraging, the insurance fund and funding, told with named traders and worked out
by hand. One tick times one lot is 1,000 units, maintenance margin 1 %, and a long of 10 lots at
1,000 with leverage 20 (margin 500,000) is liquidatable at 959 and bankrupt below 950.
"""

import msgspec

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.invariants import check_invariants
from matching.messages.commands import UpdateIndexPrice
from matching.messages.events import (
    Event,
    MarketStateChanged,
    MarkPriceChanged,
    OrderCancelled,
    PositionLiquidated,
    Trade,
)
from matching.messages.vocabulary import TimeInForce
from tests.matching.actors import (
    FUNDS,
    Exchange,
    every,
    only,
    opens,
    trailing_stop_at,
)

MINUTE_MS = 60_000


def forced(events: tuple[Event, ...]) -> list[tuple[str, int, int, int, int]]:
    """(execution, who was closed, against whom, price, lots) of each trade."""
    return [
        (str(t.execution), t.taker.account_id, t.maker.account_id, t.price_ticks, t.size_lots)
        for t in every(Trade, events)
    ]


# ------------------------------------------------------------------------------------ liquidation


def test_cascade_of_liquidations() -> None:
    exchange = Exchange()
    alice, bob, carol, dave, eve = exchange.traders("alice", "bob", "carol", "dave", "eve")
    opens(exchange, alice, bob, 10, leverage=20)  # margin 500,000
    opens(exchange, carol, bob, 10, leverage=19)  # margin ⌈10,000,000/19⌉ = 526,316
    opens(exchange, eve, bob, 10, leverage=10)
    for price in (952, 951, 903):
        dave.buys(10, at=price)
    events = exchange.mark(955)
    # Equity 50,000 and 76,316, maintenance 95,500: Alice is worse and meets the better bid.
    assert forced(events) == [
        ("LIQUIDATION", alice.account_id, dave.account_id, 952, 10),
        ("LIQUIDATION", carol.account_id, dave.account_id, 951, 10),
    ]
    assert [e.account_id for e in every(PositionLiquidated, events)] == [1, 3]
    assert [e.limit_ticks for e in every(PositionLiquidated, events)] == [950, 948]
    # What their margins were worth above the loss comes back: 500,000 − 480,000 and so on.
    assert [e.returned_units for e in every(PositionLiquidated, events)] == [20_000, 36_316]
    # The prices they made moved no mark price, so they take nobody with them.
    assert len(every(MarkPriceChanged, events)) == 1
    assert eve.position[0] == 10
    # The next index price may.
    events = exchange.mark(905)  # equity 1,000,000 − 950,000 < 90,500
    assert forced(events) == [("LIQUIDATION", eve.account_id, dave.account_id, 903, 10)]
    assert only(PositionLiquidated, events).returned_units == 30_000


def test_liquidation_into_an_empty_book() -> None:
    exchange = Exchange(insurance=1)
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    told = only(PositionLiquidated, exchange.mark(955))
    assert (told.equity_units, told.maintenance_units, told.limit_ticks) == (50_000, 95_500, 950)
    assert (told.filled_lots, told.deleveraged_lots, told.left_lots) == (0, 0, 10)
    # Nothing changed at the next mark price: nothing is said again.
    assert every(PositionLiquidated, exchange.mark(954)) == []
    assert alice.position == (10, 10_000_000, 500_000)
    # Bankrupt: closed at once against Bob, at the price where nothing is left, 950.
    events = exchange.mark(940)
    assert forced(events) == [("ADL", alice.account_id, bob.account_id, 950, 10)]
    told = only(PositionLiquidated, events)
    assert (told.equity_units, told.deleveraged_lots, told.left_lots) == (-100_000, 10, 0)
    assert alice.position == bob.position == (0, 0, 0)
    # Taker 5,000 and maker 2,000 at the opening; no fee for being deleveraged.
    assert alice.available == FUNDS - 5_000 - 500_000
    assert bob.available == FUNDS - 2_000 + 500_000
    assert exchange.audit.insurance == 1


def test_liquidation_cancels_the_orders_and_takes_its_fee_for_the_fund() -> None:
    exchange = Exchange(liquidation_fee_ppm=5_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    bid = alice.buys(3, at=900)
    stop = alice.sells(10, trigger=trailing_stop_at(callback_ppm=900_000), reduce_only=True)
    carol.buys(10, at=960)
    # Maintenance and fee together are 1.5 %: 500,000 − 360,000 < 144,600 at 964.
    events = exchange.mark(964)
    cancelled = [(e.order_id, str(e.reason)) for e in every(OrderCancelled, events)]
    assert cancelled == [(bid.order_id, "LIQUIDATION"), (stop.order_id, "LIQUIDATION")]
    told = only(PositionLiquidated, events)
    assert (told.maintenance_units, told.fee_reserve_units) == (96_400, 48_200)
    assert told.limit_ticks == 955  # ⌈9,500,000/(10,000 × 0.995)⌉ = ⌈954.77⌉
    # Sold at 960: loss 400,000, fee 0.5 % of 9,600,000; the rest of the margin returns.
    assert (told.fee_units, told.returned_units) == (48_000, 52_000)
    assert exchange.audit.insurance == 48_000
    assert alice.available == FUNDS - 5_000 - 400_000 - 48_000


def test_insurance_fund_runs_dry() -> None:
    exchange = Exchange(insurance=20_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(4, at=945)
    carol.buys(6, at=930)
    events = exchange.mark(940)  # equity −100,000
    # Four lots at 945 lose 220,000 of their 200,000 of margin: the fund pays its last 20,000. Six
    # at 930 would lose 420,000 of 300,000, which nobody can pay: they go against Bob, at 950.
    assert forced(events) == [
        ("LIQUIDATION", alice.account_id, carol.account_id, 945, 4),
        ("ADL", alice.account_id, bob.account_id, 950, 6),
    ]
    told = only(PositionLiquidated, events)
    assert told.insurance_paid_units == 20_000
    assert (told.filled_lots, told.deleveraged_lots, told.left_lots) == (4, 6, 0)
    assert exchange.audit.insurance == 0
    assert exchange.bids == [(930, 6)]
    assert bob.position == (-4, -4_000_000, 400_000)
    assert alice.available == FUNDS - 5_000 - 500_000  # her margin, never more


def bankrupt_pair(fund: int) -> Engine:
    """A market no sequence of commands should lead to: a long bankrupt below 950 and, all there is
    against it, a short bankrupt above 910, so that between them 400,000 units are missing."""
    exchange = Exchange(insurance=fund)
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    taken = snapshot.take(exchange.engine.state, "1-1")
    long, short = taken.positions
    short = msgspec.structs.replace(short, entry_cost_units=-9_000_000, margin_units=100_000)
    # Money conservation: what the wallets sent is what is inside, less the entry cost.
    taken = msgspec.structs.replace(
        taken,
        positions=[long, short],
        wallets_units=500_000 + 100_000 + taken.fees_units + fund - 1_000_000,
    )
    return Engine(snapshot.restore(taken))


def test_insurance_fund_covers_what_no_counterparty_can_bear() -> None:
    engine = bankrupt_pair(fund=400_000)
    events = engine.apply(UpdateIndexPrice(index_price_ticks=940), engine.state.clock_ms)
    trade = only(Trade, events)
    assert trade.execution == "ADL"
    check_invariants(engine.state)
    assert only(PositionLiquidated, events).insurance_paid_units == 400_000
    assert engine.state.insurance_units == 0
    assert engine.state.accounts == {}
    assert engine.state.market_state == "ACTIVE"


def test_market_halts_when_the_fund_cannot_cover_it() -> None:
    engine = bankrupt_pair(fund=399_999)
    events = engine.apply(UpdateIndexPrice(index_price_ticks=940), engine.state.clock_ms)
    check_invariants(engine.state)
    assert every(Trade, events) == []
    change = only(MarketStateChanged, events)
    assert (change.state, change.previous_state) == ("HALTED", "ACTIVE")
    assert change.reason == "INSURANCE_EXHAUSTED"
    assert engine.state.insurance_units == 399_999
    assert engine.state.market_state == "HALTED"


def test_price_gap_through_bankruptcy() -> None:
    exchange = Exchange(insurance=400_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(10, at=920)
    events = exchange.mark(925)
    # Loss 800,000 against a margin of 500,000: the fund pays 300,000.
    assert forced(events) == [("LIQUIDATION", alice.account_id, carol.account_id, 920, 10)]
    told = only(PositionLiquidated, events)
    assert (told.equity_units, told.insurance_paid_units) == (-250_000, 300_000)
    assert told.fee_units == told.returned_units == 0
    assert told.limit_ticks == 833  # the band's edge: 925 × 0.9 = 832.5
    assert exchange.audit.insurance == 100_000
    assert alice.available == FUNDS - 5_000 - 500_000


def test_one_liquidation_never_eats_the_market_silently() -> None:
    """Of bids all the way down it takes those that pay out, and says what it did."""
    exchange = Exchange(price_band_ppm=50_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 500)
    for price in (957, 953, 950, 949, 920, 700):
        carol.buys(50, at=price)
    events = exchange.mark(958)
    assert {trade[0] for trade in forced(events)} == {"LIQUIDATION"}
    assert [trade[3:] for trade in forced(events)] == [(957, 50), (953, 50), (950, 50)]
    told = only(PositionLiquidated, events)
    assert (told.position_lots, told.filled_lots, told.left_lots) == (500, 150, 350)
    assert (told.mark_price_ticks, told.limit_ticks) == (958, 950)
    assert exchange.bids == [(949, 50), (920, 50), (700, 50)]
    # Bankrupt at 930: no further than the band, 883.5; the rest is closed against Bob.
    exchange.insures(10**9)
    events = exchange.mark(930)
    told = only(PositionLiquidated, events)
    assert (told.limit_ticks, told.filled_lots, told.deleveraged_lots) == (884, 100, 250)
    assert exchange.bids == [(700, 50)]


# ----------------------------------------------------------------------------------- deleveraging


def test_who_is_solvent_again_after_the_book_is_not_deleveraged() -> None:
    """Bids above the mark may bring a bankrupt position back: what is left of it has equity."""
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(9, at=990)
    events = exchange.mark(940)  # equity −100,000
    assert forced(events) == [("LIQUIDATION", alice.account_id, carol.account_id, 990, 9)]
    told = only(PositionLiquidated, events)
    assert (told.filled_lots, told.deleveraged_lots, told.left_lots) == (9, 0, 1)
    # 90,000 of loss on nine lots; 350,000 of equity on the tenth.
    assert alice.position == (1, 1_000_000, 410_000)
    assert bob.position[0] == -10


def test_adl_with_ties() -> None:
    exchange = Exchange()
    alice, bob, carol, dave = exchange.traders("alice", "bob", "carol", "dave")
    carol.sells(5, at=1_000)  # the same position as Bob's, opened before it
    bob.sells(5, at=1_000)
    alice.buys(6, at=1_000, leverage=20)
    dave.buys(4, at=1_000, leverage=1)
    events = exchange.mark(940)
    # The same profit at the same leverage: the lower account id goes first.
    assert forced(events) == [
        ("ADL", alice.account_id, bob.account_id, 950, 5),
        ("ADL", alice.account_id, carol.account_id, 950, 1),
    ]
    assert bob.position[0] == 0
    assert carol.position == (-4, -4_000_000, 400_000)


def test_one_account_holding_the_whole_other_side() -> None:
    exchange = Exchange()
    alice, bob, carol, dave = exchange.traders("alice", "bob", "carol", "dave")
    for long in (alice, carol, dave):
        opens(exchange, long, bob, 10)
    assert bob.position == (-30, -30_000_000, 3_000_000)
    events = exchange.mark(940)
    assert forced(events) == [
        ("ADL", long.account_id, bob.account_id, 950, 10) for long in (alice, carol, dave)
    ]
    assert bob.position == (0, 0, 0)
    assert bob.available == FUNDS - 6_000 + 3 * 500_000
    assert exchange.engine.state.open_interest_lots == 0


def test_deleveraging_trims_the_reduce_only_orders_of_whom_it_closes() -> None:
    exchange = Exchange()
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 6)
    opens(exchange, carol, bob, 4, leverage=1)
    order = bob.buys(10, at=800, reduce_only=True)
    cancelled = only(OrderCancelled, exchange.mark(940))
    assert (cancelled.order_id, str(cancelled.reason)) == (order.order_id, "REDUCE_ONLY")
    assert (cancelled.cancelled_lots, cancelled.remaining_lots) == (6, 4)


# --------------------------------------------------------------------------------- stale, breaker


def test_index_goes_stale_during_a_crash() -> None:
    exchange = Exchange(index_stale_ms=10_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    opens(exchange, alice, bob, 10)
    carol.buys(10, at=990)
    exchange.mark(970)
    assert only(MarkPriceChanged, exchange.mark(0)).index_stale  # the sources disagree
    assert exchange.mark(0) == ()  # said once
    # Nobody is liquidated, and only orders that rest are taken.
    assert alice.position[0] == 10
    assert alice.sells(10, at=990, reduce_only=True).refused == "MARKET_STATE"
    assert carol.buys(1, at=965, tif=TimeInForce.GTX).refused is None
    # The index is back, far below; what it finds is closed then.
    events = exchange.mark(940)
    assert not every(MarkPriceChanged, events)[0].index_stale
    assert only(PositionLiquidated, events).equity_units == -100_000
    # Silence is as good as disagreement.
    exchange.passes(10_001)
    refused = carol.buys(1, at=930)
    assert refused.names == ["MarkPriceChanged", "OrderRejected"]
    assert only(MarkPriceChanged, refused.events).index_stale


def test_circuit_breaker_halts_until_the_operator_has_seen_the_jump() -> None:
    exchange = Exchange(circuit_breaker_ppm=50_000)
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    assert every(MarketStateChanged, exchange.mark(1_050)) == []  # 5 % is allowed
    exchange.mark(1_000)
    tripped = exchange.mark(949)
    halt = only(MarketStateChanged, tripped)
    told = only(MarkPriceChanged, tripped)
    assert (told.mark_price_ticks, told.index_price_ticks) == (1_000, 949)
    assert (str(halt.state), str(halt.reason)) == ("HALTED", "CIRCUIT_BREAKER")
    assert exchange.engine.state.mark_price_ticks == 1_000
    assert alice.position[0] == 10
    assert exchange.mark(949) == ()
    exchange.enter(halt.previous_state)
    events = exchange.mark(949)
    assert every(MarketStateChanged, events) == []
    assert only(PositionLiquidated, events).mark_price_ticks == 949
