"""Take-profits and stop-losses attached to an entry: when they wake, what they cover, how they end.

The mark is 1,000. Alice's entry buys; Bob and Carol trade with her.
"""

import pytest

from matching.messages.conditional_events import ConditionalAmended, OrderAttached
from matching.messages.events import (
    AmendRejected,
    OrderTriggered,
    Trade,
)
from tests.matching.actors import (
    Exchange,
    Trader,
    every,
    only,
    stop_at,
    take_profit_at,
    trailing_stop_at,
)
from tests.matching.bracket import Bracket

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
