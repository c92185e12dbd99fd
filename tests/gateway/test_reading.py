"""What the gateway reads, without a server: parameters, paths and names of streams, chains."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import ErrorCode
from gateway.asking.params import Params
from gateway.asking.signing import Signed
from gateway.http.data.candles import INTERVALS
from gateway.streams.depth import DepthChain
from gateway.streams.names import StreamKind, StreamTopic, address_of, topic_of
from gateway.streams.turns import StreamTurn
from gateway.words import errors
from gateway.words.errors import GatewayRefusal
from matching.messages.streams import Depth
from matching.messages.vocabulary import RejectCode

MARKETS = {"BTCUSDT": "BTC-PERP"}


def code_of(query: bytes, body: bytes = b"") -> int:
    with pytest.raises(GatewayRefusal) as refused:
        Params.read(query, body)
    return refused.value.error.code


def test_parameters_of_query_and_body() -> None:
    params = Params.read(b"symbol=A&x=", b"SYMBOL=B&orderidlist=[1, 2]&flag=True&n=1e-05")
    assert params.text("symbol") == "A"
    assert not params.given("x")
    assert params.items("orderIdList", 10) == [1, 2]
    assert params.flag("flag") is True
    assert Decimal(params.decimal("n") or "") == Decimal("0.00001")
    assert code_of(b"a=1&A=2") == -1101
    assert code_of(b"&".join(b"a%d=1" % number for number in range(101))) == -1101
    assert code_of(b"a=\xff") == -1100


@pytest.mark.parametrize(
    ("query", "body", "signed"),
    [
        (b"a=1&signature=ff", b"", b"a=1"),
        (b"signature=ff&a=1", b"b=2", b"a=1b=2"),
        (b"a=1", b"b=2&signature=ff", b"a=1b=2"),
        (b"", b'batchOrders=[{"a":"&b"}]&signature=ff', b'batchOrders=[{"a":"&b"}]'),
    ],
)
def test_what_is_signed_is_what_was_sent(query: bytes, body: bytes, signed: bytes) -> None:
    assert Signed("", query, body, Params()).message() == signed


@pytest.mark.parametrize(
    ("path", "query", "combined", "names"),
    [
        ("/fstream/ws", "", False, ()),
        ("/fstream/public/ws/0", "", False, ("0",)),
        ("/fstream/ws/a@b/c@d", "", False, ("a@b", "c@d")),
        ("/fstream/market/stream", "streams=a@b/c@d", True, ("a@b", "c@d")),
        ("/fstream/private/ws", "listenKey=K", False, ("K",)),
    ],
)
def test_addresses(path: str, query: str, combined: bool, names: tuple[str, ...]) -> None:
    found = address_of(path, query)
    assert found is not None
    assert (found.is_combined, found.names) == (combined, names)


@pytest.mark.parametrize("path", ["/fstream", "/fstream/", "/fstream/x", "/ws", "/fstreams/ws"])
def test_no_addresses(path: str) -> None:
    assert address_of(path, "") is None


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("btcusdt@depth", StreamTopic(StreamKind.DEPTH, "BTC-PERP", "", 250)),
        ("btcusdt@depth@100ms", StreamTopic(StreamKind.DEPTH, "BTC-PERP", "", 100)),
        ("btcusdt@depth5@500ms", StreamTopic(StreamKind.PARTIAL_DEPTH, "BTC-PERP", "5", 500)),
        ("btcusdt@kline_1M", StreamTopic(StreamKind.KLINE, "BTC-PERP", "1M")),
        ("btcusdt@kline_1m", StreamTopic(StreamKind.KLINE, "BTC-PERP", "1m")),
        (
            "btcusdt_perpetual@continuousKline_1h",
            StreamTopic(StreamKind.CONTINUOUS_KLINE, "BTC-PERP", "1h"),
        ),
        ("!markPrice@arr@1s", StreamTopic(StreamKind.MARK_PRICE, "", "", 1_000)),
        ("btcusdt@kline_7m", None),
        ("nope@depth", None),
        ("btcusdt@depth7", None),
        ("btcusdt", None),
        ("@", None),
    ],
)
def test_names_of_streams(name: str, topic: StreamTopic | None) -> None:
    assert topic_of(name, MARKETS, INTERVALS) == topic


def book(seq: int, bids: list[tuple[int, int]]) -> Depth:
    return Depth(seq=seq, time_ms=seq, bids=bids, asks=[])


def test_a_chain_begins_where_it_last_was() -> None:
    rules: Any = SimpleNamespace(tick_size=Decimal(1), lot_size=Decimal(1))
    chain = DepthChain(100, book(5, [(10, 1)]))
    assert chain.next(book(5, [(10, 1)]), "S", rules, 0) is None
    assert chain.next(book(7, [(10, 1)]), "S", rules, 0) is None  # nothing changed
    first = chain.next(book(9, [(10, 2), (9, 1)]), "S", rules, 1_000)
    assert (first["U"], first["u"], first["pu"]) == (5, 9, 5)
    assert first["b"] == [("10", "2"), ("9", "1")]
    assert chain.next(book(12, [(9, 1)]), "S", rules, 1_050) is None  # not yet
    second = chain.next(book(12, [(9, 1)]), "S", rules, 1_100)
    assert (second["U"], second["u"], second["pu"], second["b"]) == (9, 12, 9, [("10", "0")])
    back = chain.next(book(3, [(9, 2)]), "S", rules, 2_000)
    assert back["pu"] != 12  # clients notice, and fetch the book anew


def test_every_code_of_ours_has_one_of_theirs() -> None:
    """Of what an order or a call may be refused with; others are of doors that aren't here."""
    for code in RejectCode:
        assert errors.of_reject(code).code < 0
    unknown = {
        code
        for code in ErrorCode
        if code not in errors._CODES and code not in errors._KEYS and code.startswith("INVALID")
    }
    assert unknown == {ErrorCode.INVALID_PRICE_SOURCE, ErrorCode.INVALID_TRANSITION}


def test_a_clock_that_is_set_back_silences_no_stream() -> None:
    turn = StreamTurn(500)
    assert turn.has_come(0)
    turn.take(10_000)
    assert not turn.has_come(10_000)
    assert not turn.has_come(10_499)
    assert turn.has_come(10_500)
    assert turn.has_come(9_999)
    turn.take(9_999)
    assert not turn.has_come(10_000)
