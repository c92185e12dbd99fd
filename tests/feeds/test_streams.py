"""⑥ Public channels beyond the first three, and the ways in which one may hear them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from accounts.models import User
from feeds.scale import Scale
from markets.models import Market, MarketStatus
from matching.messages.events import PositionLiquidated
from matching.messages.streams import ENTRY_FIELD, Ticker, output_stream, ticker_key
from matching.messages.vocabulary import MarketState
from tests.feeds.conftest import MARKET, Ear, Feeds, accepted, leg, subscribed_until, trade
from tests.patience import PATIENCE_S
from trading.http.answers.markets import candle_answer
from trading.models import Candle

OTHER = "ETH-PERP"
BOOK, BBO, TICKERS = f"book:{MARKET}", f"bbo:{MARKET}", "ticker:*"
MINUTE_MS = 60_000
STRANGER = 10**9  # an account that no user has


def write_ticker(feeds: Feeds, market_id: str, seq: int) -> None:
    ticker = Ticker(
        seq=seq,
        time_ms=seq,
        state=MarketState.ACTIVE,
        mark_price_ticks=500_000 + seq,
        index_price_ticks=500_000,
        last_price_ticks=0,
        best_bid_ticks=0,
        best_ask_ticks=0,
        open_interest_lots=0,
    )
    feeds.redis.set(ticker_key(market_id), msgspec.json.encode(ticker))


def test_each_message_names_the_subscription_it_is_of(
    feeds: Feeds, new_user: Callable[[str], User]
) -> None:
    alice = new_user("alice")
    ear = feeds.connect()
    ear.sign_in(alice)
    named = ear.ask(op="subscribe", id="mine", channels=[f"trades:{MARKET}", "account"])
    assert (named["op"], named["id"]) == ("subscribed", "mine")
    other = feeds.connect()
    assert "id" not in other.ask(op="subscribe", channels=[f"trades:{MARKET}"])
    feeds.write_entry(1, accepted(7, alice.pk), trade(1, leg(alice.pk, 7), leg(STRANGER, 8)))
    heard = [ear.hear(), ear.hear()]
    assert [(one["id"], one["channel"]) for one in heard] == [
        ("mine", f"trades:{MARKET}"),
        ("mine", "account"),
    ]
    plain = other.hear()
    assert plain == {key: value for key, value in heard[0].items() if key != "id"}
    # Again by another name: the new one counts.
    assert ear.ask(op="subscribe", id=7, channels=[f"trades:{MARKET}"])["id"] == 7
    feeds.write_entry(2, trade(2, leg(STRANGER + 1, 9), leg(STRANGER, 8)))
    assert ear.hear()["id"] == 7
    assert ear.ask(op="ping", id="x")["id"] == "x"
    left = ear.ask(op="unsubscribe", id="x", channels=[f"trades:{MARKET}"])
    assert (left["op"], left["id"]) == ("unsubscribed", "x")
    refused = ear.ask(op="subscribe", id="y", channels=["fish:BTC-PERP"])
    assert (refused["code"], refused["id"]) == ("UNKNOWN_CHANNEL", "y")


def test_a_replay_names_it_too(feeds: Feeds, new_user: Callable[[str], User]) -> None:
    alice = new_user("alice")
    for seq in (1, 2, 3):
        feeds.write_entry(seq, accepted(seq, alice.pk))
    subscribed_until(feeds, 3)
    ear = feeds.connect()
    ear.sign_in(alice)
    ear.ask(op="subscribe", id=5, channels=["account"], lastSeq={MARKET: 1})
    assert [(one["id"], one["seq"]) for one in (ear.hear(), ear.hear())] == [(5, 2), (5, 3)]


def test_tickers_of_all_markets_are_one_subscription(feeds: Feeds) -> None:
    write_ticker(feeds, MARKET, 1)
    write_ticker(feeds, OTHER, 2)
    ear = feeds.connect()
    assert ear.ask(op="subscribe", channels=[TICKERS])["channels"] == [TICKERS]
    names = [f"ticker:{MARKET}", f"ticker:{OTHER}"]
    assert sorted(ear.hear()["channel"] for _ in range(2)) == names
    late = feeds.connect()
    late.ask(op="subscribe", channels=[TICKERS])
    assert sorted(late.hear()["seq"] for _ in range(2)) == [1, 2]
    write_ticker(feeds, OTHER, 3)
    assert ear.hear()["seq"] == late.hear()["seq"] == 3
    assert ear.ask(op="unsubscribe", channels=[TICKERS])["op"] == "unsubscribed"
    write_ticker(feeds, OTHER, 4)
    assert late.hear()["seq"] == 4
    assert ear.ask(op="ping")["op"] == "pong"


def test_best_prices_are_told_when_they_change(feeds: Feeds) -> None:
    feeds.write_depth(5, [(500_000, 10), (499_999, 5)], [])
    ear = feeds.connect()
    ear.ask(op="subscribe", channels=[BBO])
    assert ear.hear() == {
        "channel": BBO,
        "type": "bbo",
        "bid": ["50000", "0.01"],
        "ask": None,
        "seq": 5,
        "timeMs": 5,
    }
    feeds.write_depth(6, [(500_000, 10), (499_999, 7)], [])  # nothing of the best
    seen(feeds, 6)
    feeds.write_depth(7, [(500_000, 11)], [(500_002, 1)])
    heard = ear.hear()
    assert (heard["seq"], heard["bid"]) == (7, ["50000", "0.011"])
    assert heard["ask"] == ["50000.2", "0.001"]


def seen(feeds: Feeds, seq: int) -> None:
    """Until a depth has been read."""
    watcher = feeds.connect()
    watcher.ask(op="subscribe", channels=[BOOK])
    while watcher.hear()["u"] < seq:
        pass


def test_a_slow_book_is_a_chain_of_its_own(feeds: Feeds) -> None:
    feeds.write_depth(1, [(500_000, 1)], [])
    fast, slow = feeds.connect(), feeds.connect()
    fast.ask(op="subscribe", channels=[BOOK])
    answer = slow.ask(op="subscribe", id="s", channels=[BOOK], everyMs=1_000)
    assert (answer["everyMs"], answer["id"]) == (1_000, "s")
    books: list[dict[str, str]] = [{}, {}]
    chains: list[list[dict[str, Any]]] = [[], []]

    def hear(at: int, ear: Ear, last_seq: int) -> None:
        while not chains[at] or chains[at][-1]["u"] < last_seq:
            message = ear.hear()
            if message["type"] == "snapshot":
                books[at].clear()
            else:
                assert message["pu"] == chains[at][-1]["u"]
                assert message["U"] == message["pu"] + 1
            chains[at].append(message)
            for price, qty in message["bids"]:
                books[at] |= {price: qty}

    hear(0, fast, 1)
    hear(1, slow, 1)
    for seq in range(2, 12):
        feeds.write_depth(seq, [(500_000 + seq, seq), (500_000, seq)], [])
        hear(0, fast, seq)  # each is read before the next is written
    hear(1, slow, 11)
    assert len(chains[1]) < len(chains[0]) == 11
    levels = [{price: qty for price, qty in book.items() if qty != "0"} for book in books]
    assert levels[0] == levels[1] == {"50001.1": "0.011", "50000": "0.011"}
    assert {message["id"] for message in chains[1]} == {"s"}
    late = feeds.connect()
    late.ask(op="subscribe", channels=[BOOK], everyMs=1_000)
    snapshot = late.hear()
    assert (snapshot["type"], snapshot["u"]) == ("snapshot", 11)


def test_a_slow_ticker_tells_the_newest(feeds: Feeds) -> None:
    write_ticker(feeds, MARKET, 1)
    fast, slow = feeds.connect(), feeds.connect()
    fast.ask(op="subscribe", channels=[f"ticker:{MARKET}"])
    slow.ask(op="subscribe", channels=[TICKERS], everyMs=1_000)
    assert fast.hear()["seq"] == slow.hear()["seq"] == 1
    for seq in range(2, 9):
        write_ticker(feeds, MARKET, seq)
        assert fast.hear()["seq"] == seq
    told = [slow.hear()["seq"]]
    while told[-1] < 8:
        told.append(slow.hear()["seq"])
    assert len(told) < 7


@pytest.mark.parametrize(
    "asked",
    [
        {"channels": [BOOK], "everyMs": 0},
        {"channels": [BOOK], "everyMs": 150},
        {"channels": [BOOK], "everyMs": "1000"},
        {"channels": [f"trades:{MARKET}"], "everyMs": 1_000},
        {"channels": [BOOK, "account"], "everyMs": 1_000},
        {"channels": [BOOK], "id": 1.5},
        {"channels": [BOOK], "id": ""},
        {"channels": ["book:*"]},
        {"channels": ["trades:*"]},
        {"channels": ["bbo:NO-PERP"]},
        {"channels": [f"candles:{MARKET}"]},
        {"channels": [f"candles:{MARKET}:2m"]},
        {"channels": ["candles:*:1m"]},
        {"channels": ["candles:NO-PERP:1m"]},
        {"channels": ["liquidations"]},
    ],
)
def test_what_can_not_be_meant_subscribes_to_nothing(feeds: Feeds, asked: dict[str, Any]) -> None:
    ear = feeds.connect()
    heard = ear.ask(op="subscribe", **asked)
    codes = {"INVALID_MESSAGE", "UNKNOWN_CHANNEL", "UNKNOWN_MARKET"}
    assert (heard["op"], heard["code"] in codes) == ("error", True), heard
    feeds.write_depth(1, [(500_000, 1)], [])
    seen(feeds, 1)
    assert ear.ask(op="ping")["op"] == "pong"


def liquidated(account_id: int) -> PositionLiquidated:
    return PositionLiquidated(
        account_id=account_id,
        mark_price_ticks=450_000,
        position_lots=-20,
        entry_cost_units=-1_000_000_000,
        margin_units=1,
        equity_units=2,
        maintenance_units=3,
        fee_reserve_units=4,
        limit_ticks=460_000,
        cancelled_orders=1,
        filled_lots=15,
        deleveraged_lots=5,
        fee_units=250_000,
        insurance_paid_units=0,
        left_lots=0,
        returned_units=9,
    )


def test_liquidations_are_public_and_name_nobody(feeds: Feeds) -> None:
    one, all_of_them = feeds.connect(), feeds.connect()
    assert one.ask(op="subscribe", channels=[f"liquidations:{MARKET}"])["seq"] == {MARKET: 0}
    answer = all_of_them.ask(op="subscribe", id=1, channels=["liquidations:*"])
    assert answer["seq"] == {MARKET: 0, OTHER: 0}
    feeds.write_entry(1, accepted(1, 7), liquidated(STRANGER))
    heard = one.hear()
    assert heard == {
        "channel": f"liquidations:{MARKET}",
        "type": "liquidation",
        "side": "SHORT",
        "qty": "0.02",
        "filledQty": "0.015",
        "deleveragedQty": "0.005",
        "leftQty": "0",
        "markPrice": "45000",
        "limitPrice": "46000",
        "liquidationFee": "0.25",
        "insurancePaid": "0",
        "seq": 1,
        "timeMs": 1_001,
    }
    assert all_of_them.hear() == {"id": 1, **heard}
    # What can't be read, or is not there, may have been one.
    feeds.redis.xadd(output_stream(MARKET), {ENTRY_FIELD: b"rubbish"}, id="2-0")
    gap = one.hear()
    assert (gap["type"], gap["afterSeq"], gap["nextSeq"]) == ("gap", 1, 3)
    feeds.write_entry(5, liquidated(STRANGER))
    gap = one.hear()
    assert (gap["type"], gap["afterSeq"], gap["nextSeq"]) == ("gap", 2, 5)
    assert one.hear()["seq"] == 5


def add_candle(start_ms: int, close_ticks: int, interval_ms: int = MINUTE_MS) -> Candle:
    values = {"open_ticks": 500_000, "high_ticks": 500_100, "low_ticks": 499_900}
    candle, _ = Candle.objects.update_or_create(
        market_id=MARKET,
        interval_ms=interval_ms,
        start_ms=start_ms,
        defaults=values
        | {
            "close_ticks": close_ticks,
            "volume_lots": 10,
            "quote_units": 1_000_000,
            "trade_count": 2,
        },
    )
    return candle


def move_on(to_ms: int) -> None:
    at = datetime.fromtimestamp(to_ms / 1_000, UTC)
    MarketStatus.objects.filter(pk=MARKET).update(mark_price_at=at)


def test_a_candle_grows_and_is_told_once_more_when_it_is_closed(feeds: Feeds) -> None:
    market = Market.objects.get(pk=MARKET)
    MarketStatus.objects.get_or_create(market=market)
    channel = f"candles:{MARKET}:1m"
    first = add_candle(10 * MINUTE_MS, 500_010)
    move_on(10 * MINUTE_MS + 1)
    ear = feeds.connect()
    ear.ask(op="subscribe", channels=[channel])
    told = ear.hear()
    rest = msgspec.to_builtins(candle_answer(first, Scale.of(market)))
    assert told == {"channel": channel, "type": "candle", **rest, "closed": False}
    grown = add_candle(10 * MINUTE_MS, 500_020)
    assert ear.hear()["close"] == "50002"
    late = feeds.connect()
    late.ask(op="subscribe", channels=[channel])
    assert late.hear()["close"] == "50002"
    # Two more intervals pass at once, of which one had no trade.
    add_candle(12 * MINUTE_MS, 500_030)
    move_on(12 * MINUTE_MS + 5)
    closed, newest = ear.hear(), ear.hear()
    rest = msgspec.to_builtins(candle_answer(grown, Scale.of(market)))
    assert closed == {"channel": channel, "type": "candle", **rest, "closed": True}
    assert (newest["close"], newest["closed"]) == ("50003", False)
    move_on(13 * MINUTE_MS)
    assert ear.hear() == newest | {"closed": True}


class Packed:
    """An ear for MessagePack."""

    def __init__(self, ear: Ear) -> None:
        self.socket = ear.socket

    def ask(self, **body: Any) -> dict[str, Any]:
        self.socket.send(msgspec.msgpack.encode(body))
        return self.hear()

    def hear(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            data = self.socket.recv(timeout=max(0.0, deadline - time.monotonic()))
            assert isinstance(data, bytes)
            body: dict[str, Any] = msgspec.msgpack.decode(data)
            if body.get("op") != "heartbeat":
                return body


@pytest.mark.parametrize(
    ("path", "options", "chosen"),
    [
        ("?format=msgpack", {}, None),
        ("", {"subprotocols": [Subprotocol("msgpack")]}, "msgpack"),
        ("", {"subprotocols": [Subprotocol("mqtt"), Subprotocol("msgpack")]}, "msgpack"),
        ("?format=msgpack", {"subprotocols": [Subprotocol("msgpack")]}, "msgpack"),
    ],
)
def test_messagepack_says_what_json_says(
    feeds: Feeds, path: str, options: dict[str, Any], chosen: str | None
) -> None:
    ear, plain = Packed(feeds.connect(path, **options)), feeds.connect()
    assert ear.socket.subprotocol == chosen
    feeds.write_depth(1, [(500_000, 1)], [(500_002, 2)])
    assert ear.ask(op="subscribe", id=1, channels=[BOOK]) == {
        "id": 1,
        "op": "subscribed",
        "channels": [BOOK],
    }
    plain.ask(op="subscribe", channels=[BOOK])
    assert ear.hear() == {"id": 1, **plain.hear()}
    for bad, code in (
        (b"", "MALFORMED_MESSAGE"),
        (b"\xc1", "MALFORMED_MESSAGE"),
        (b"\x93\x01", "MALFORMED_MESSAGE"),
        (b"\x01", "INVALID_MESSAGE"),
        (b"\x82\xa2op\xa4ping\xa2op\xa4ping", "INVALID_MESSAGE"),
        (msgspec.msgpack.encode({"op": "fly"}), "INVALID_MESSAGE"),
        (b"\x91" * 5_000 + b"\x01", "MALFORMED_MESSAGE"),
    ):
        ear.socket.send(bad)
        assert ear.hear()["code"] == code, bad[:10]
    ear.socket.send('{"op":"ping"}')
    assert ear.hear()["op"] == "pong"


def agreed_extensions(ear: Ear) -> str:
    assert ear.socket.response is not None
    return ear.socket.response.headers.get("Sec-WebSocket-Extensions", "")


def test_frames_are_compressed_for_who_asks_in_the_address(feeds: Feeds) -> None:
    """The library offers it always."""
    plain, small = feeds.connect(), feeds.connect("?deflate=true")
    assert agreed_extensions(plain) == ""
    agreed = agreed_extensions(small)
    assert agreed.startswith("permessage-deflate")
    assert "server_no_context_takeover" in agreed
    feeds.write_depth(1, [(500_000 - level, 1) for level in range(200)], [])
    for ear in (plain, small):
        ear.ask(op="subscribe", channels=[BOOK])
    assert plain.hear() == small.hear()
    uncompressed = feeds.connect("?deflate=true", compression=None)
    assert agreed_extensions(uncompressed) == ""
    assert uncompressed.ask(op="ping")["op"] == "pong"


@pytest.mark.parametrize("query", ["format=xml", "format=", "deflate=1", "token=x"])
def test_a_handshake_that_asks_for_what_is_not_there_is_told(feeds: Feeds, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        feeds.connect(f"?{query}")
    answer = refused.value.response
    assert answer.status_code == 400
    assert msgspec.json.decode(answer.body or b"")["field"] == query.partition("=")[0]
