from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.batch import EPOCH
from ledger.models import AccountKind, EntryKind
from ledger.posting_rules import POSTING_RULES, deposit_movement
from ledger.projectors import PROJECTORS, require_closed
from matching.messages import events
from matching.messages.events import Event
from matching.messages.vocabulary import CancelReason, MarketState, RejectCode, Side
from tests.ledger.world import leg, position

A, H, M = AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.MARGIN
RELEASE = EntryKind.HOLD_RELEASE

units = st.integers(-(10**17), 10**17)


def movements(event):
    return POSTING_RULES[type(event)]("BTC-PERP", event)


def releasing_events(released: int):
    who = {"order_id": 5, "account_id": 9, "released_units": released}
    return [
        events.OrderAccepted(side=Side.LONG, price_ticks=1, size_lots=1, **who),
        events.OrderRejected(code=RejectCode.MIN_NOTIONAL, **who),
        events.OrderRested(side=Side.LONG, price_ticks=1, remaining_lots=1, arrival=1, **who),
        events.OrderCancelled(reason=CancelReason.USER, cancelled_lots=1, remaining_lots=0, **who),
    ]


MOVING_NOTHING = [
    events.MarketConfigured(config_version=1),
    events.MarketStateChanged(state=MarketState.ACTIVE, previous_state=MarketState.HALTED),
    events.MarkPriceChanged(mark_price_ticks=1, index_price_ticks=1),
    events.CancelRejected(order_id=1, account_id=1, code=RejectCode.UNKNOWN_ORDER),
    events.CommandRejected(code=RejectCode.MALFORMED),
    position(1, 1, 1, 1),
]


def trade(taker, maker):
    return events.Trade(
        trade_id=7, price_ticks=10, size_lots=1, taker_side=Side.LONG, taker=taker, maker=maker
    )


def test_deposit_comes_from_outside():
    movement = deposit_movement(9, 250)
    assert movement.kind is EntryKind.DEPOSIT
    assert movement.lines == ((A, 9, 250), (AccountKind.DEPOSITS, None, -250))


@pytest.mark.parametrize("event", releasing_events(40), ids=lambda e: type(e).__name__)
def test_release_moves_held_to_available(event):
    assert movements(event) == ((RELEASE, 5, None, ((H, 9, -40), (A, 9, 40))),)


@pytest.mark.parametrize("event", releasing_events(0), ids=lambda e: type(e).__name__)
def test_releasing_nothing_posts_nothing(event):
    assert movements(event) == ()


@pytest.mark.parametrize("event", MOVING_NOTHING, ids=lambda e: type(e).__name__)
def test_events_without_money_post_nothing(event):
    assert movements(event) == ()


def test_every_event_of_the_contract_is_exercised_here():
    shown = {type(e) for e in [*releasing_events(1), *MOVING_NOTHING]} | {events.Trade}
    assert shown == set(get_args(Event)) == set(POSTING_RULES) == set(PROJECTORS)


def test_trade_posts_each_leg_on_its_own():
    opened = leg(5, 9, 0, 1_000, 800, 0, 50)
    closed = leg(6, 8, 0, 0, -700, 300, 20)
    fees, clearing = AccountKind.FEES, AccountKind.CLEARING
    assert movements(trade(opened, closed)) == (
        (EntryKind.FILL, 5, 7, ((H, 9, -1_000), (M, 9, 800), (fees, None, 50), (A, 9, 150))),
        (
            EntryKind.FILL,
            6,
            7,
            ((M, 8, -700), (fees, None, 20), (clearing, "BTC-PERP", -300), (A, 8, 980)),
        ),
    )


def test_leg_that_moves_nothing_is_no_entry():
    empty = leg(5, 9, 0, 0, 0, 0, 0)
    assert [m.order_id for m in movements(trade(empty, leg(6, 8, 0, 1, 1, 0, 0)))] == [6]


@given(units, units, units, units)
def test_legs_sum_to_zero_and_hold_no_zero(hold, margin, pnl, fee):
    for movement in movements(
        trade(leg(5, 9, 0, hold, margin, pnl, fee), leg(6, 8, 0, 1, 1, 0, 0))
    ):
        amounts = [line.amount_units for line in movement.lines]
        assert sum(amounts) == 0
        assert all(amounts)


@pytest.mark.parametrize("table", [PROJECTORS, POSTING_RULES], ids=["projectors", "rules"])
def test_a_table_without_an_event_stops_the_import(table):
    broken = {event: row for event, row in table.items() if event is not events.Trade}
    with pytest.raises(TypeError, match="TABLE and the events of the contract differ: Trade"):
        require_closed(broken, "TABLE")
    require_closed(table, "TABLE")


def test_projectors_are_named_after_their_events():
    for event, projector in PROJECTORS.items():
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in event.__name__)
        assert projector.__name__ == f"project{words}"
        assert projector.__module__ == "ledger.projectors"


def test_epoch_is_utc():
    assert EPOCH.timestamp() == 0
