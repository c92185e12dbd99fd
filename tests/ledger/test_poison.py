"""What stops a market's persistence, and that it stops in front of it, with the rest applied."""

from typing import Any, Union, get_args

import msgspec
import pytest

from matching.messages import codec
from matching.messages.events import Event, OutputEntry, PositionSettled, Trade
from matching.messages.vocabulary import CancelReason, ExecutionType, Side
from persistence.faults import handle_fault
from persistence.models import PersistenceFault
from persistence.projection.batch import PoisonEntry, SequenceGap
from persistence.reading import persist_market
from persistence.reconciliation import wallet_differences
from tests.ledger.prices import mark_price
from tests.ledger.world import leg, position, rows


def test_a_gap_stops_the_market_in_front_of_it(session):
    session.publish(*[e for e in session.entries if e.seq != 6])
    with pytest.raises(SequenceGap, match="stopped before sequence 6: the stream goes on at 7-0"):
        persist_market(session.market_id)
    assert rows(session)["cursor"][0] == 5
    assert session.order("refused").status == "pending"
    stopped = rows(session)
    with pytest.raises(SequenceGap):
        persist_market(session.market_id)
    assert rows(session) == stopped


def test_a_gap_at_the_start_applies_nothing(session):
    before = rows(session)
    session.publish(*session.entries[1:])
    with pytest.raises(SequenceGap) as stopped:
        persist_market(session.market_id)
    assert (stopped.value.market_id, stopped.value.seq) == ("BTC-PERP", 1)
    assert rows(session) == before


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfe", "undecodable"),
        (b'{"v":1,"seq":4}', "undecodable"),
        (b'{"seq":9,"input_id":"1-0","time_ms":1,"command_id":0,"events":[]}', "is sequence 9"),
    ],
)
def test_an_undecodable_entry_stops_the_market_in_front_of_it(session, data, why):
    session.publish(*session.entries[:3])
    session.publish_bytes("4-0", data)
    with pytest.raises(PoisonEntry, match=why) as stopped:
        persist_market(session.market_id)
    assert stopped.value.seq == 4
    assert rows(session)["cursor"][0] == 3


def forged_trade(world):
    stranger = leg(world.orders["short"] + 1_000, world.alice.pk, 0, 0, 0, 0, 0)
    return Trade(
        trade_id=1,
        execution=ExecutionType.TRADE,
        price_ticks=1,
        size_lots=1,
        taker_side=Side.LONG,
        taker=stranger,
        maker=stranger,
    )


TAKES = (0, 0, 0, -7, 0)  # a loss that no margin pays


def forced_trade(world, taker):
    """One that would be covered by the wallet, and adds up."""
    return Trade(
        trade_id=1,
        execution=ExecutionType.ADL,
        price_ticks=1,
        size_lots=1,
        taker_side=Side.LONG,
        taker=taker,
        maker=leg(0, world.alice.pk, 0, 0, 0, 7, 0),
    )


POISON = {
    "unknown order": (lambda w: [forged_trade(w)], "is not in the database"),
    "accepted twice": (lambda w: [w.accepted("short")], "is open and can't be accepted"),
    "cancelled before accepted": (
        lambda w: [w.cancelled("refused", 3, 0, 150_750, CancelReason.USER)],
        "is pending, not open",
    ),
    "lots don't add up": (
        lambda w: [w.cancelled("short", 2, 5, 0, CancelReason.USER)],
        "8 lots left, not 5",
    ),
    "gives back too much": (
        lambda w: [w.cancelled("short", 1, 9, 502_501, CancelReason.USER)],
        "gives back 1 units it does not hold",
    ),
    "finished and holding": (
        lambda w: [w.cancelled("short", 10, 0, 1, CancelReason.USER)],
        "still holds 502499 units",
    ),
    "settled out of a wallet": (
        lambda w: [PositionSettled(price_ticks=1, position_lots=1, leg=leg(0, w.alice.pk, *TAKES))],
        "PositionSettled would take 7 from what user [0-9]+ has available",
    ),
    "filled out of a wallet": (
        lambda w: [forced_trade(w, leg(0, w.bob.pk, *TAKES))],
        "Trade would take 7 from what user [0-9]+ has available",
    ),
    "flat with margin": (
        lambda w: [position(w.alice.pk, 0, 0, 5)],
        "position_flat_has_no_margin_and_no_cost",
    ),
    "unknown user": (lambda w: [position(10**9, 1, 1, 5)], "violates foreign key constraint"),
    "number too large": (lambda w: [position(w.alice.pk, 10**30, 1, 5)], "out of range|does not"),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_stops_the_market_in_front_of_it(session, name):
    events, why = POISON[name]
    del session.entries[4:]
    bad = session.say(*events(session))
    session.say(mark_price(5, 5))
    session.publish()
    with pytest.raises(PoisonEntry, match=why) as stopped:
        persist_market(session.market_id)
    assert stopped.value.seq == bad.seq == 5
    seen = rows(session)
    assert seen["cursor"][0] == 4
    assert seen["status"][2] == 1000
    assert wallet_differences() == []


def test_unbalanced_leg_is_poison(session):
    del session.entries[4:]
    good = leg(session.orders["long"], session.bob.pk, 5, 0, 0, 0, 0)
    session.say(
        session.accepted("long"),
        Trade(
            trade_id=1,
            execution=ExecutionType.TRADE,
            price_ticks=1000,
            size_lots=1,
            taker_side=Side.LONG,
            taker=good,
            maker=type(good)(
                order_id=session.orders["short"],
                account_id=session.alice.pk,
                remaining_lots=9,
                hold_released_units=0,
                margin_delta_units=0,
                realized_pnl_units=0,
                fee_units=0,
                available_delta_units=1,
            ),
        ),
    )
    session.publish()
    with pytest.raises(PoisonEntry, match="sum to 1 instead of zero"):
        persist_market(session.market_id)


def test_trade_without_its_position_is_poison(session):
    entry = session.entries[4]
    del session.entries[4:]
    session.say(*entry.events[:-1])
    session.publish()
    with pytest.raises(PoisonEntry, match=r"positions of \[\d+\] moved, none was told changed"):
        persist_market(session.market_id)


def test_an_event_that_a_worker_does_not_know_yet_waits_for_one_that_does(session, monkeypatch):
    """The worker of an older release, before a newer engine: nothing is skipped, nothing lost."""
    known: Any = Union[tuple(set(get_args(Event)) - {Trade})]  # noqa: UP007
    fields = [(f.name, f.type) for f in msgspec.structs.fields(OutputEntry)[:-1]]
    older = msgspec.defstruct("OlderEntry", [*fields, ("events", tuple[known, ...])])
    session.publish(*session.entries)
    with monkeypatch.context() as patch:
        patch.setattr(codec, "_entry_decoder", msgspec.json.Decoder(older))
        patch.setattr(codec, "_KINDS", codec._KINDS - {"Trade"})
        with pytest.raises(PoisonEntry, match="Trade is unknown to this release") as stopped:
            persist_market(session.market_id)
        handle_fault(stopped.value)
        assert rows(session)["cursor"][0] == stopped.value.seq - 1
        opened = PersistenceFault.objects.get(resolved_at__isnull=True)
        assert "upgrade its reader" in opened.reason
    assert persist_market(session.market_id) == session.entries[-1].seq
    assert wallet_differences() == []
    assert not PersistenceFault.objects.filter(resolved_at__isnull=True).exists()
