"""Take-profits and stop-losses attached to an entry: when they wake, what they cover, how they end.

The mark is 1,000. Alice's entry buys; Bob and Carol trade with her.
"""

from typing import Any

import pytest

from matching.messages.conditional_events import ConditionalAmended, CoverChanged, OrderAttached
from matching.messages.events import (
    AmendRejected,
    OrderRejected,
    OrderTriggered,
    PositionChanged,
    Trade,
)
from matching.messages.vocabulary import MarketState, Side, TimeInForce, TriggerBy
from tests.matching.actors import (
    HOUR_MS,
    PLENTY_PER_LOT,
    Exchange,
    Placed,
    Trader,
    every,
    only,
    opens,
    stop_at,
    take_profit_at,
    trailing_stop_at,
)


class Bracket:
    """An entry of Alice's that buys, with a take-profit at 1,020 and a stop-loss at 980."""

    def __init__(self, lots: int = 4, at: int | None = 1_000, **terms: Any) -> None:
        self.exchange = terms.pop("exchange", None) or Exchange()
        self.alice, self.bob, self.carol = self.exchange.traders("alice", "bob", "carol")
        before = terms.pop("before", 0)
        if before > 0:
            opens(self.exchange, self.alice, self.bob, before)
        elif before:
            opens(self.exchange, self.bob, self.alice, -before)
        profit, loss = terms.pop("profit", take_profit_at(1_020)), terms.pop("loss", stop_at(980))
        entry_id = self.exchange.next_order_id() + 2
        self.exchange._last_order_id -= 1
        self.profit = self.attaches(lots, profit, entry_id)
        self.loss = self.attaches(lots, loss, entry_id)
        self.entry = self.alice.buys(lots, at, **terms)
        assert self.entry.order_id == entry_id

    def attaches(self, lots: int, trigger: Any, entry_id: int, **terms: Any) -> Placed:
        return self.alice.sells(
            lots, trigger=trigger, reduce_only=True, attached_to=entry_id, **terms
        )

    def fills(self, lots: int, at: int = 1_000) -> Placed:
        return self.bob.sells(lots, at=at)

    @property
    def names(self) -> dict[int, str]:
        return {
            self.profit.order_id: "profit",
            self.loss.order_id: "loss",
            self.entry.order_id: "entry",
        }

    def covers(self, events: Any) -> list[tuple[str, int]]:
        found = every(CoverChanged, tuple(events))
        return [(self.names[e.order_id], e.covered_lots) for e in found]

    def cancels(self, placed: Any) -> list[tuple[str, str]]:
        events = placed if isinstance(placed, tuple) else placed.events
        gone = Placed(0, events).cancels
        return [(self.names[i], reason) for i, reason, *_ in gone if i in self.names]

    @property
    def state(self) -> dict[str, int]:
        """What is there of it: what each covers, 0 asleep; of the entry what is left."""
        found = {
            self.names[w.order_id]: 0 if w.is_asleep else w.command.size_lots
            for a in self.exchange.engine.state.accounts.values()
            for w in (*a.waiting.values(), *a.asleep.values())
            if w.order_id in self.names
        }
        resting = self.exchange.engine.state.book.orders.get(self.entry.order_id)
        return found | ({"entry": resting.remaining_lots} if resting else {})


# --------------------------------------------------------------------------- waking and following


def test_they_sleep_until_the_first_fill_and_follow_what_is_filled() -> None:
    bracket = Bracket()
    attached = only(OrderAttached, bracket.profit.events)
    assert attached.parent_id == bracket.entry.order_id
    assert bracket.state == {"profit": 0, "loss": 0, "entry": 4}
    bracket.exchange.mark(970)  # beyond the stop, which sleeps
    bracket.exchange.mark(1_030)
    bracket.exchange.mark(1_000)
    assert bracket.state == {"profit": 0, "loss": 0, "entry": 4}
    assert bracket.covers(bracket.fills(1).events) == [("profit", 1), ("loss", 1)]
    bracket.exchange.restarts()
    assert bracket.covers(bracket.fills(3).events) == [("profit", 4), ("loss", 4)]
    assert bracket.state == {"profit": 4, "loss": 4}


def test_with_an_entry_that_fills_at_once_they_are_awake_in_the_same_entry() -> None:
    exchange = Exchange()
    bob = Trader(exchange, 2, "bob")
    bob.sells(3, at=1_000)
    bob.sells(3, at=1_001)
    bracket = Bracket(4, None, exchange=exchange, worst=1_005)
    assert bracket.covers(bracket.entry.events) == [
        ("profit", 3),
        ("loss", 3),
        ("profit", 4),
        ("loss", 4),
    ]
    assert bracket.state == {"profit": 4, "loss": 4}


def test_a_condition_that_holds_when_it_wakes_fires_at_once() -> None:
    exchange = Exchange()
    bob, carol = Trader(exchange, 2, "bob"), Trader(exchange, 3, "carol")
    bob.sells(4, at=1_000)
    carol.buys(9, at=960)
    bracket = Bracket(loss=stop_at(1_000), exchange=exchange)
    fired = only(OrderTriggered, bracket.entry.events)
    assert (fired.order_id, fired.size_lots) == (bracket.loss.order_id, 4)
    assert bracket.cancels(bracket.entry) == [("profit", "OTHER_FIRED")]
    assert bracket.alice.position == (0, 0, 0)


def test_closing_an_opposite_position_covers_nothing() -> None:
    bracket = Bracket(lots=4, before=-3)
    assert bracket.covers(bracket.fills(3).events) == []
    assert bracket.state == {"profit": 0, "loss": 0, "entry": 1}
    assert bracket.covers(bracket.fills(1).events) == [("profit", 1), ("loss", 1)]


def test_an_entry_that_only_closed_takes_them_along() -> None:
    bracket = Bracket(lots=3, before=-3)
    assert bracket.cancels(bracket.fills(3)) == [
        ("profit", "PARENT_ENDED"),
        ("loss", "PARENT_ENDED"),
    ]


def test_what_is_closed_is_covered_no_more_and_never_again() -> None:
    """Closing takes first what nobody covers."""
    bracket = Bracket(lots=4, before=2)
    bracket.fills(4)
    bracket.carol.buys(9, at=999)
    assert bracket.covers(bracket.alice.sells(2, at=999).events) == []
    assert bracket.covers(bracket.alice.sells(1, at=999).events) == [("profit", 3), ("loss", 3)]
    bracket.bob.sells(5, at=1_000)
    assert bracket.covers(bracket.alice.buys(5, at=1_000).events) == []
    assert bracket.state == {"profit": 3, "loss": 3}


def test_two_entries_each_have_their_own() -> None:
    first = Bracket()
    first.fills(4)
    second = Bracket(2, exchange=first.exchange, loss=stop_at(985))
    second.fills(2)
    first.carol.buys(9, at=970)
    trade = only(Trade, first.exchange.mark(985))
    assert (trade.taker.order_id, trade.size_lots) == (second.loss.order_id, 2)
    assert (first.state, second.state) == ({"profit": 4, "loss": 4}, {})
    assert only(Trade, first.exchange.mark(980)).size_lots == 4
    assert first.state == {}
    assert first.alice.position == (0, 0, 0)


# ------------------------------------------------------------------------------------ one of them


@pytest.mark.parametrize(
    ("mark", "fires", "goes"), [(1_020, "profit", "loss"), (980, "loss", "profit")]
)
def test_the_one_that_fires_cancels_the_other_and_the_entrys_rest(
    mark: int, fires: str, goes: str
) -> None:
    bracket = Bracket()
    bracket.fills(3)
    bracket.carol.buys(9, at=970)
    events = bracket.exchange.mark(mark)
    fired = only(OrderTriggered, events)
    assert (bracket.names[fired.order_id], fired.size_lots, fired.needs_hold) == (fires, 3, False)
    assert bracket.cancels(events) == [(goes, "OTHER_FIRED"), ("entry", "OTHER_FIRED")]
    assert bracket.state == {}
    assert bracket.alice.position == (0, 0, 0)
    assert bracket.alice.held == 0


def test_a_limit_that_fired_and_rests_is_an_order_like_any_other() -> None:
    bracket = Bracket()
    bracket.fills(4)
    bracket.alice.cancels(bracket.profit)
    limit = bracket.attaches(4, take_profit_at(1_010), bracket.entry.order_id)
    assert limit.refused == "PARENT_ENDED"
    assert bracket.state == {"loss": 4}


@pytest.mark.parametrize("filled", [0, 2])
def test_each_is_cancelled_alone(filled: int) -> None:
    bracket = Bracket()
    if filled:
        bracket.fills(filled)
    assert bracket.cancels(bracket.alice.cancels(bracket.profit)) == [("profit", "USER")]
    assert bracket.state == {"loss": filled, "entry": 4 - filled}


@pytest.mark.parametrize("filled", [0, 2])
def test_each_is_amended_alone(filled: int) -> None:
    bracket = Bracket()
    if filled:
        bracket.fills(filled)
    told = only(ConditionalAmended, bracket.alice.moves(bracket.loss, trigger=990).events)
    assert (told.trigger_price_ticks, bool(told.arrival)) == (990, bool(filled))
    refused = only(AmendRejected, bracket.alice.moves(bracket.loss, lots=3).events)
    assert refused.code == "INVALID_SIZE"
    bracket.exchange.restarts()
    bracket.fills(4 - filled)
    bracket.carol.buys(9, at=970)
    assert only(OrderTriggered, bracket.exchange.mark(990)).order_id == bracket.loss.order_id


def test_asleep_any_condition_may_be_named_awake_none_that_holds() -> None:
    bracket = Bracket()
    assert bracket.alice.moves(bracket.loss, trigger=1_100).names == ["ConditionalAmended"]
    bracket.alice.moves(bracket.loss, trigger=980)
    bracket.fills(1)
    refused = only(AmendRejected, bracket.alice.moves(bracket.loss, trigger=1_000).events)
    assert refused.code == "TRIGGER_ALREADY_TRUE"


def test_a_trailing_stop_follows_from_when_it_wakes() -> None:
    bracket = Bracket(loss=trailing_stop_at(callback_ppm=20_000))
    bracket.exchange.mark(1_015)
    bracket.exchange.mark(1_000)
    bracket.fills(4)
    bracket.carol.buys(9, at=970)
    assert every(OrderTriggered, bracket.exchange.mark(990)) == []
    assert only(OrderTriggered, bracket.exchange.mark(980)).order_id == bracket.loss.order_id


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
    stop = {"trigger": stop_at(980), "reduce_only": True}
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
