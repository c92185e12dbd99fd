"""⑥ over a real socket: what clients hear of hand-written engine output, and what they don't."""

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import User
from feeds.protocol import CHANNELS_MAX, MESSAGE_BYTES_MAX
from matching.messages.events import OrderCancelled, PositionChanged
from matching.messages.streams import Ticker, depth_key, output_stream, ticker_key
from matching.messages.vocabulary import CancelReason, MarketState
from prices.demo_markets import DEMO_MARKETS
from tests.feeds.conftest import (
    MARKET,
    Feeds,
    accepted,
    drain,
    leg,
    subscribed_account,
    subscribed_until,
    trade,
)
from tests.patience import PATIENCE_S
from tests.trading.client import token_of

NewUser = Callable[[str], User]
BOOK, TRADES, TICKER = f"book:{MARKET}", f"trades:{MARKET}", f"ticker:{MARKET}"


def test_a_market_that_comes_while_a_client_listens(feeds: Feeds, new_user: NewUser) -> None:
    """It is known at once to who names it, and an account misses nothing of it."""
    alice = new_user("alice")
    listener, _ = subscribed_account(feeds, alice)
    new = replace(DEMO_MARKETS[0], market_id="NEW-PERP").build()
    new.save()
    for seq in (1, 2):
        feeds.write_entry(seq, accepted(seq, alice.pk), market_id=new.pk)
    answer = feeds.connect().ask(op="subscribe", channels=[f"book:{new.pk}"])
    assert answer == {"op": "subscribed", "channels": [f"book:{new.pk}"]}
    heard = [listener.hear() for _ in range(2)]
    assert [(one["marketId"], one["seq"]) for one in heard] == [(new.pk, 1), (new.pk, 2)]


def test_book_is_a_snapshot_and_then_deltas(feeds: Feeds) -> None:
    feeds.write_depth(5, [(500_000, 10)], [(500_002, 20)])
    first = feeds.connect()
    assert first.ask(op="subscribe", channels=[BOOK]) == {"op": "subscribed", "channels": [BOOK]}
    snapshot = first.hear()
    assert (snapshot["type"], snapshot["u"]) == ("snapshot", 5)
    assert snapshot["bids"] == [["50000", "0.01"]]
    feeds.write_depth(9, [(500_000, 15)], [])
    delta = first.hear()
    assert (delta["type"], delta["U"], delta["u"], delta["pu"]) == ("delta", 6, 9, 5)
    assert (delta["bids"], delta["asks"]) == ([["50000", "0.015"]], [["50000.2", "0"]])
    late = feeds.connect()
    late.ask(op="subscribe", channels=[BOOK])
    assert late.hear()["bids"] == [["50000", "0.015"]]
    feeds.write_depth(10, [], [])
    assert first.hear()["pu"] == late.hear()["pu"] == 9


def test_trades_are_public_fields_only(feeds: Feeds) -> None:
    ear = feeds.connect()
    ear.ask(op="subscribe", channels=[TRADES])
    feeds.write_entry(1, trade(1, leg(41, 7), leg(42, 8)))
    assert ear.hear() == {
        "channel": TRADES,
        "type": "trade",
        "tradeId": 1,
        "price": "50000.1",
        "qty": "0.02",
        "takerSide": "LONG",
        "execution": "TRADE",
        "seq": 1,
        "timeMs": 1001,
    }


def test_trades_start_at_the_tail(feeds: Feeds) -> None:
    ear = feeds.connect()
    feeds.write_entry(1, trade(1, leg(41, 7), leg(42, 8)))
    subscribed_until(feeds, 1)
    ear.ask(op="subscribe", channels=[TRADES])
    feeds.write_entry(2, trade(2, leg(41, 9), leg(42, 8)))
    assert ear.hear()["tradeId"] == 2


def test_ticker_in_decimals_with_null_for_no_price(feeds: Feeds) -> None:
    ticker = Ticker(
        seq=3,
        time_ms=4,
        state=MarketState.ACTIVE,
        mark_price_ticks=500_000,
        index_price_ticks=500_001,
        last_price_ticks=0,
        best_bid_ticks=499_999,
        best_ask_ticks=0,
        open_interest_lots=1500,
    )
    feeds.redis.set(ticker_key(MARKET), msgspec.json.encode(ticker))
    ear = feeds.connect()
    ear.ask(op="subscribe", channels=[TICKER])
    heard = ear.hear()
    assert (heard["markPrice"], heard["indexPrice"]) == ("50000", "50000.1")
    assert (heard["bestBid"], heard["bestAsk"], heard["lastPrice"]) == ("49999.9", None, None)
    assert (heard["openInterest"], heard["state"]) == ("1.5", "ACTIVE")


def test_account_hears_its_own_events_in_one_message_and_not_the_other_sides(
    feeds: Feeds, new_user: NewUser
) -> None:
    alice, bob = new_user("alice"), new_user("bob")
    (ear_a, _), (ear_b, _) = subscribed_account(feeds, alice), subscribed_account(feeds, bob)
    position = PositionChanged(
        account_id=alice.pk,
        position_lots=20,
        entry_cost_units=1_000_002_000,
        margin_units=4_000_000,
    )
    maker = leg(bob.pk, 8, remaining_lots=5, fee_units=10_000)
    feeds.write_entry(1, accepted(7, alice.pk), trade(1, leg(alice.pk, 7), maker), position)
    heard = ear_a.hear()
    assert (heard["channel"], heard["marketId"], heard["seq"]) == ("account", MARKET, 1)
    order, fill, holding = heard["events"]
    assert (order["event"], order["orderId"], order["status"]) == ("OrderAccepted", 7, "open")
    assert (fill["role"], fill["side"], fill["fee"], fill["status"]) == (
        "TAKER",
        "LONG",
        "0.025",
        "filled",
    )
    assert (holding["type"], holding["qty"], holding["margin"]) == ("LONG", "0.02", "4")
    assert holding["averagePrice"] == "50000.1"
    (other,) = ear_b.hear()["events"]
    assert (other["orderId"], other["role"], other["side"]) == (8, "MAKER", "SHORT")
    assert (other["remainingQty"], other["status"]) == ("0.005", "open")


def test_last_seq_replays_what_was_missed_and_goes_on_live(feeds: Feeds, new_user: NewUser) -> None:
    alice, bob = new_user("alice"), new_user("bob")
    for seq in range(1, 31):
        feeds.write_entry(seq, accepted(seq, alice.pk if seq % 2 else bob.pk))
    subscribed_until(feeds, 30)
    ear, seqs = subscribed_account(feeds, alice, lastSeq={MARKET: 20})
    assert seqs[MARKET] == 30
    feeds.write_entry(31, accepted(31, alice.pk))
    assert [ear.hear()["seq"] for _ in range(6)] == [21, 23, 25, 27, 29, 31]


def test_a_trimmed_stream_is_told_as_a_gap(feeds: Feeds, new_user: NewUser) -> None:
    alice = new_user("alice")
    for seq in range(1, 11):
        feeds.write_entry(seq, accepted(seq, alice.pk))
    subscribed_until(feeds, 10)
    feeds.redis.xtrim(output_stream(MARKET), minid="6-0", approximate=False)
    ear, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 2})
    gap = ear.hear()
    assert (gap["type"], gap["afterSeq"], gap["nextSeq"]) == ("gap", 2, 6)
    assert [ear.hear()["seq"] for _ in range(5)] == [6, 7, 8, 9, 10]


def test_cancelled_order_has_its_reason_and_final_status(feeds: Feeds, new_user: NewUser) -> None:
    alice = new_user("alice")
    ear, _ = subscribed_account(feeds, alice)
    cancelled = OrderCancelled(
        order_id=7,
        account_id=alice.pk,
        reason=CancelReason.IOC_REMAINDER,
        cancelled_lots=20,
        remaining_lots=0,
        released_units=5,
    )
    feeds.write_entry(1, cancelled)
    (event,) = ear.hear()["events"]
    assert (event["status"], event["reason"]) == ("expired", "IOC_REMAINDER")
    assert (event["cancelledQty"], event["remainingQty"]) == ("0.02", "0")


def test_account_needs_a_valid_token(feeds: Feeds, new_user: NewUser) -> None:
    ear = feeds.connect()
    assert ear.ask(op="subscribe", channels=["account"])["code"] == "NOT_AUTHENTICATED"
    assert ear.ask(op="auth", token="x.y.z")["code"] == "TOKEN_INVALID"
    expired = token_of(new_user("alice").pk, timedelta(days=-1))
    assert ear.ask(op="auth", token=expired)["code"] == "TOKEN_EXPIRED"
    suspended = new_user("carol")
    User.objects.filter(pk=suspended.pk).update(is_active=False)
    answer = ear.ask(op="auth", token=token_of(suspended.pk))
    assert answer["code"] in {"ACCOUNT_SUSPENDED", "TOKEN_INVALID"}
    assert ear.ask(op="subscribe", channels=["account"])["code"] == "NOT_AUTHENTICATED"


def test_signing_in_as_another_ends_the_first_ones_account_channel(
    feeds: Feeds, new_user: NewUser
) -> None:
    alice, bob = new_user("alice"), new_user("bob")
    ear, _ = subscribed_account(feeds, alice)
    ear.sign_in(bob)
    feeds.write_entry(1, accepted(1, alice.pk))
    feeds.write_entry(2, accepted(2, bob.pk))
    subscribed_until(feeds, 2)
    assert ear.ask(op="ping")["op"] == "pong"


BAD_INPUT: list[tuple[str | bytes, str]] = [
    ("", "MALFORMED_JSON"),
    ("{", "MALFORMED_JSON"),
    ("[" * 10_000, "INVALID_MESSAGE"),
    (b"\xff\xfe", "MALFORMED_JSON"),
    ("[]", "INVALID_MESSAGE"),
    ("null", "INVALID_MESSAGE"),
    ('{"op":"fly"}', "INVALID_MESSAGE"),
    ('{"op":"subscribe"}', "INVALID_MESSAGE"),
    ('{"op":"subscribe","channels":[]}', "INVALID_MESSAGE"),
    ('{"op":"subscribe","channels":["book:BTC-PERP"],"x":1}', "INVALID_MESSAGE"),
    ('{"op":"subscribe","channels":["account"],"lastSeq":{"A":-1}}', "INVALID_MESSAGE"),
    ('{"op":"subscribe","channels":["fish:BTC-PERP"]}', "UNKNOWN_CHANNEL"),
    ('{"op":"subscribe","channels":["book:NO-PERP"]}', "UNKNOWN_MARKET"),
    ('{"op":"subscribe","channels":["book:BTC-PERP"],"channels":["account"]}', "INVALID_MESSAGE"),
    ('{"op":"subscribe","channels":["book:BTC-PERP"],"lastSeq":{"BTC-PERP":1}}', "INVALID_MESSAGE"),
    ('{"op":"ping","op":"ping"}', "INVALID_MESSAGE"),
    ('{"op":"unsubscribe","channels":["fish:BTC-PERP"]}', "UNKNOWN_CHANNEL"),
    ('{"op":"unsubscribe","channels":["book:NO-PERP"]}', "UNKNOWN_MARKET"),
    ('{"op":"unsubscribe","channels":7}', "INVALID_MESSAGE"),
    ('{"op":"auth","token":5}', "INVALID_MESSAGE"),
    ('{"op":"ping","pad":"' + "x" * MESSAGE_BYTES_MAX + '"}', "MESSAGE_TOO_LARGE"),
]


def test_bad_input_is_told_and_the_connection_lives(feeds: Feeds) -> None:
    ear = feeds.connect()
    for data, code in BAD_INPUT:
        ear.socket.send(data)
        answer = ear.hear()
        assert (answer["op"], answer["code"]) == ("error", code), data
        assert answer["message"]
    assert ear.ask(op="ping")["op"] == "pong"


def test_number_of_channels_is_limited(feeds: Feeds) -> None:
    ear = feeds.connect()
    many = [f"book:M{number}" for number in range(CHANNELS_MAX + 1)]
    assert ear.ask(op="subscribe", channels=many)["code"] == "INVALID_MESSAGE"


def test_unsubscribed_channels_are_silent(feeds: Feeds) -> None:
    ear = feeds.connect()
    ear.ask(op="subscribe", channels=[TRADES])
    assert ear.ask(op="unsubscribe", channels=[TRADES])["op"] == "unsubscribed"
    feeds.write_entry(1, trade(1, leg(41, 7), leg(42, 8)))
    subscribed_until(feeds, 1)
    assert ear.ask(op="ping")["op"] == "pong"


def test_a_client_that_does_not_read_is_disconnected_and_others_are_not(feeds: Feeds) -> None:
    reader = feeds.connect()
    reader.ask(op="subscribe", channels=[BOOK])
    # A small receive window and nobody reading: websockets' thread stops reading at max_queue.
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", int(feeds.url.split(":")[2].split("/")[0])))
    sleeper = feeds.connect(sock=raw, max_queue=1, compression=None)
    sleeper.ask(op="subscribe", channels=[TRADES])
    seq = 0
    deadline = time.monotonic() + PATIENCE_S
    entries = tuple(trade(1, leg(41, 7), leg(42, 8)) for _ in range(500))
    before = slow_consumers_logged(feeds)
    while slow_consumers_logged(feeds) == before:
        assert time.monotonic() < deadline, "still connected"
        seq += 1
        feeds.write_entry(seq, *entries)
        time.sleep(0.02)
    with pytest.raises(ConnectionClosed):
        drain(sleeper)
    assert reader.ask(op="ping")["op"] == "pong"


def slow_consumers_logged(feeds: Feeds) -> int:
    return feeds.log.read_text().count("SLOW_CONSUMER")


def test_other_paths_are_refused(feeds: Feeds) -> None:
    with pytest.raises(InvalidStatus):
        feeds.connect(path="/nowhere")


def test_what_one_market_lacks_is_not_missed_by_the_others(feeds: Feeds) -> None:
    """Rubbish where its book and ticker are, and keys that are no streams: the other is shown."""
    other = "ETH-PERP"
    ear = feeds.connect()
    channels = [f"book:{other}", f"ticker:{other}", f"trades:{other}", TRADES, BOOK]
    ear.ask(op="subscribe", channels=channels)
    for key in (depth_key(other), ticker_key(other)):
        feeds.redis.set(key, b"rubbish")
    feeds.redis.delete(output_stream(other))
    feeds.redis.set(output_stream(other), b"no stream")
    feeds.write_depth(5, [(500_000, 10)], [])
    assert ear.hear()["channel"] == BOOK
    feeds.write_entry(1, trade(1, leg(7, 0), leg(8, 0)))
    assert ear.hear()["channel"] == TRADES
