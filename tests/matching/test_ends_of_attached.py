"""How take-profits and stop-losses end with their entry, their position or their market: each row
of the table in docs/api.md."""

from typing import Any

import pytest

from matching.messages.conditional_events import CoverChanged
from matching.messages.events import (
    OrderRejected,
    OrderTriggered,
    PositionChanged,
)
from matching.messages.vocabulary import MarketState, Side, TimeInForce, TriggerBy
from tests.matching.actors import (
    HOUR_MS,
    PLENTY_PER_LOT,
    Exchange,
    Trader,
    every,
    only,
    stop_at,
    take_profit_at,
)
from tests.matching.bracket import Bracket

# -------------------------------------------------------------------------------- ends of the entry

BOTH_GO = [("profit", "PARENT_ENDED"), ("loss", "PARENT_ENDED")]


def user(bracket: Bracket) -> Any:
    return bracket.alice.cancels(bracket.entry)


def cancel_all(bracket: Bracket) -> Any:
    return bracket.alice.cancels_all()


def cancel_longs(bracket: Bracket) -> Any:
    return bracket.alice.cancels_all(Side.LONG)


def countdown(bracket: Bracket) -> Any:
    bracket.alice.counts_down(1_000)
    bracket.exchange.passes(1_000)
    return bracket.exchange.ticks()


def expiry(bracket: Bracket) -> Any:
    bracket.exchange.passes(HOUR_MS // 2)
    return bracket.exchange.ticks()


def self_trade(bracket: Bracket) -> Any:
    return bracket.alice.sells(4, at=1_000)


ENDS = [
    (user, "USER"),
    (cancel_all, "USER"),
    (cancel_longs, "USER"),
    (countdown, "COUNTDOWN"),
    (expiry, "EXPIRED"),
    (self_trade, "SELF_TRADE"),
]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(("end", "reason"), ENDS)
def test_an_unfilled_entry_takes_both_along(end: Any, reason: str, restart: bool) -> None:
    bracket = Bracket(expires_ms=1_002 * HOUR_MS + HOUR_MS // 2)
    if restart:
        bracket.exchange.restarts()
    assert bracket.cancels(end(bracket)) == [("entry", reason), *BOTH_GO]
    assert bracket.state == {}


@pytest.mark.parametrize(("end", "reason"), ENDS)
def test_a_partly_filled_entry_leaves_them_for_what_is_filled(end: Any, reason: str) -> None:
    bracket = Bracket(expires_ms=1_002 * HOUR_MS + HOUR_MS // 2)
    bracket.fills(3)
    assert bracket.cancels(end(bracket))[0] == ("entry", reason)
    assert bracket.state == {"profit": 3, "loss": 3}


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX])
def test_an_entry_that_does_not_come_to_rest_takes_both_along(tif: TimeInForce) -> None:
    exchange = Exchange()
    if tif is TimeInForce.GTX:
        Trader(exchange, 2, "bob").sells(1, at=1_000)
    bracket = Bracket(tif=tif, exchange=exchange)
    assert bracket.cancels(bracket.entry)[1:] == BOTH_GO
    assert bracket.state == {}


def test_a_refused_entry_takes_both_along() -> None:
    bracket = Bracket(hold=1)
    assert only(OrderRejected, bracket.entry.events).code == "INSUFFICIENT_HOLD"
    assert bracket.cancels(bracket.entry) == BOTH_GO


def test_with_a_conditional_entry_they_sleep_until_it_fills() -> None:
    bracket = Bracket(at=1_015, trigger=stop_at(1_010))
    bracket.bob.sells(4, at=1_012)
    bracket.exchange.mark(1_010)
    assert bracket.state == {"profit": 0, "loss": 0, "entry": 0} | {"entry": 4}
    bracket.exchange.restarts()
    placed = bracket.alice.activates(bracket.entry, hold=4 * PLENTY_PER_LOT)
    assert bracket.covers(placed.events) == [("profit", 4), ("loss", 4)]


@pytest.mark.parametrize("brings", [0, 4])
def test_a_conditional_entry_that_ends_takes_both_along(brings: int) -> None:
    bracket = Bracket(at=1_015, trigger=stop_at(1_010))
    bracket.exchange.mark(1_010)
    gone = bracket.alice.activates(bracket.entry, hold=brings)
    reasons = bracket.cancels(gone)
    assert reasons[-2:] == BOTH_GO
    assert bracket.state == {}


# ----------------------------------------------------------------------------- ends of the position


def test_they_sleep_while_the_entry_may_still_fill_and_wake_again() -> None:
    bracket = Bracket(at=990)
    bracket.bob.sells(1, at=990)
    bracket.carol.buys(9, at=991)
    assert bracket.covers(bracket.alice.sells(1, at=991).events) == [("profit", 0), ("loss", 0)]
    assert bracket.state == {"profit": 0, "loss": 0, "entry": 3}
    bracket.exchange.restarts()
    bracket.carol.cancels_all()
    assert bracket.covers(bracket.bob.sells(2, at=990).events) == [("profit", 2), ("loss", 2)]


def closes(bracket: Bracket) -> Any:
    bracket.carol.buys(9, at=999)
    return bracket.alice.sells(4, at=999)


def flips(bracket: Bracket) -> Any:
    bracket.carol.buys(9, at=999)
    return bracket.alice.sells(6, at=999)


@pytest.mark.parametrize("end", [closes, flips])
def test_they_go_with_the_position(end: Any) -> None:
    bracket = Bracket()
    bracket.fills(4)
    assert bracket.cancels(end(bracket)) == [
        ("profit", "POSITION_CLOSED"),
        ("loss", "POSITION_CLOSED"),
    ]


def test_a_liquidation_takes_all_of_it() -> None:
    bracket = Bracket(leverage=20, loss=stop_at(900, TriggerBy.LAST))
    bracket.fills(3)
    bracket.carol.buys(9, at=940)
    events = bracket.exchange.mark(955)
    reasons = bracket.cancels(events)
    assert sorted(name for name, _ in reasons) == ["entry", "loss", "profit"]
    assert bracket.state == {}


def test_a_deleveraging_leaves_them_what_is_left() -> None:
    """The other side is bankrupt without a bid: Alice's gain is closed against it."""
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bracket = Bracket(exchange=exchange, profit=take_profit_at(1_300), leverage=2)
    bob.sells(2, at=1_000, leverage=20)
    bracket.carol.sells(2, at=1_000, leverage=1)
    assert alice.position[0] == 4
    events = exchange.mark(1_090)
    assert [e.position_lots for e in every(PositionChanged, events) if e.account_id == 1] == [2]
    assert bracket.state == {"profit": 2, "loss": 2}


def test_a_settlement_takes_all_of_it() -> None:
    bracket = Bracket()
    bracket.fills(3)
    bracket.exchange.settles(1_000)
    assert bracket.state == {}
    assert bracket.exchange.engine.state.accounts == {}


@pytest.mark.parametrize("state", [MarketState.HALTED, MarketState.CANCEL_ONLY])
def test_in_a_market_that_stands_still_none_fires_and_each_can_be_cancelled(
    state: MarketState,
) -> None:
    bracket = Bracket()
    bracket.fills(3)
    bracket.exchange.enter(state)
    assert every(OrderTriggered, bracket.exchange.mark(980)) == []
    assert bracket.cancels(bracket.alice.cancels(bracket.profit)) == [("profit", "USER")]
    bracket.alice.cancels(bracket.entry)
    assert bracket.state == {"loss": 3}
    bracket.carol.cancels_all()
    events = bracket.exchange.enter(MarketState.ACTIVE) + bracket.exchange.mark(980)
    assert only(OrderTriggered, events).order_id == bracket.loss.order_id


@pytest.mark.parametrize("filled", [0, 3])
def test_cancelling_all_with_protection_takes_them(filled: int) -> None:
    bracket = Bracket()
    if filled:
        bracket.fills(filled)
    bracket.alice.cancels_all(protective=True)
    assert bracket.state == {}


def test_the_other_side_alone_leaves_an_entry_its_protection() -> None:
    bracket = Bracket()
    assert bracket.cancels(bracket.alice.cancels_all(Side.SHORT)) == []
    gone = bracket.cancels(bracket.alice.cancels_all(Side.SHORT, protective=True))
    assert gone == [("profit", "USER"), ("loss", "USER")]
    assert bracket.state == {"entry": 4}


def test_an_amended_entry_keeps_them() -> None:
    bracket = Bracket()
    bracket.fills(1)
    bracket.alice.amends(bracket.entry, at=999, lots=6, brings=3 * PLENTY_PER_LOT)
    bracket.exchange.restarts()
    assert bracket.covers(bracket.fills(5, at=999).events) == [("profit", 6), ("loss", 6)]


# ------------------------------------------------------------------------------- what is refused


def test_what_cannot_be_attached() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bid = alice.buys(2, at=990)
    stop: dict[str, Any] = {"trigger": stop_at(980), "reduce_only": True}
    assert bob.sells(2, attached_to=bid.order_id, **stop).refused == "NOT_ORDER_OWNER"
    assert alice.sells(2, attached_to=bid.order_id, trigger=stop_at(980)).refused == (
        "INVALID_TRIGGER"
    )
    assert alice.buys(2, attached_to=bid.order_id, trigger=stop_at(1_020), reduce_only=True)
    whole = alice.sells(2, attached_to=bid.order_id, close_position=True, **stop)
    assert whole.refused == "INVALID_TRIGGER"
    late = alice.sells(2, attached_to=bid.order_id, **stop)
    assert late.names == ["OrderAttached"]
    assert alice.sells(2, attached_to=late.order_id, **stop).refused == "INVALID_TRIGGER"
    alice.cancels(bid)
    assert alice.sells(2, attached_to=bid.order_id, **stop).refused == "PARENT_ENDED"


def test_one_that_comes_after_fills_covers_them() -> None:
    exchange = Exchange()
    alice, bob = exchange.traders("alice", "bob")
    bid = alice.buys(4, at=1_000)
    bob.sells(3, at=1_000)
    late = alice.sells(4, attached_to=bid.order_id, trigger=stop_at(980), reduce_only=True)
    assert only(CoverChanged, late.events).covered_lots == 3
