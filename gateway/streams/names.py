"""Names of streams: what a client may listen to, and how it is spelled."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from gateway.asking.listen_keys import is_one

BASE = "/fstream"
STREAMS_MAX = 1_024  # of a connection
_CATEGORIES = ("public", "market", "private")


class StreamKind(StrEnum):
    DEPTH = "depth"
    PARTIAL_DEPTH = "partialDepth"
    TRADE = "trade"
    AGGREGATE_TRADE = "aggTrade"
    KLINE = "kline"
    CONTINUOUS_KLINE = "continuousKline"
    MARK_PRICE = "markPrice"
    BOOK_TICKER = "bookTicker"
    MINI_TICKER = "miniTicker"
    TICKER = "ticker"
    FORCE_ORDER = "forceOrder"


class StreamTopic(NamedTuple):
    """What a stream tells. ``market_id`` is "" for those of all markets; ``detail`` an interval, or
    how many levels; ``every_ms`` how often, 0 as it happens."""

    kind: StreamKind
    market_id: str
    detail: str = ""
    every_ms: int = 0


DEPTH_EVERY_MS: Mapping[str, int] = {"": 250, "100ms": 100, "250ms": 250, "500ms": 500, "0ms": 100}
MARK_EVERY_MS: Mapping[str, int] = {"": 3_000, "1s": 1_000, "3s": 3_000}
TICKER_EVERY_MS = 1_000

_OF_ALL: Mapping[str, StreamTopic] = {
    "!miniticker@arr": StreamTopic(StreamKind.MINI_TICKER, "", "", TICKER_EVERY_MS),
    "!ticker@arr": StreamTopic(StreamKind.TICKER, "", "", TICKER_EVERY_MS),
    "!bookticker": StreamTopic(StreamKind.BOOK_TICKER, ""),
    "!forceorder@arr": StreamTopic(StreamKind.FORCE_ORDER, ""),
    "!markprice@arr": StreamTopic(StreamKind.MARK_PRICE, "", "", 3_000),
    "!markprice@arr@1s": StreamTopic(StreamKind.MARK_PRICE, "", "", 1_000),
}
_PLAIN: Mapping[str, tuple[StreamKind, int]] = {
    "trade": (StreamKind.TRADE, 0),
    "aggtrade": (StreamKind.AGGREGATE_TRADE, 0),
    "bookticker": (StreamKind.BOOK_TICKER, 0),
    "miniticker": (StreamKind.MINI_TICKER, TICKER_EVERY_MS),
    "ticker": (StreamKind.TICKER, TICKER_EVERY_MS),
    "forceorder": (StreamKind.FORCE_ORDER, 0),
}
_DEPTH = re.compile(r"depth(5|10|20)?(?:@(100ms|250ms|500ms|0ms))?")
_MARK = re.compile(r"markprice(?:@(1s|3s))?")
_KLINE = re.compile(r"(continuous)?[kK]line_(\w{1,3})")


def topic_of(
    name: str, market_ids: Mapping[str, str], intervals: Mapping[str, object]
) -> StreamTopic | None:
    """``market_ids``: by symbol. None for what there isn't."""
    of_all = _OF_ALL.get(name.lower())
    if of_all is not None:
        return of_all
    symbol, _, what = name.partition("@")
    pair, _, contract = symbol.upper().partition("_")
    market_id = market_ids.get(pair)
    if market_id is None or contract not in ("", "PERPETUAL"):
        return None
    if found := _KLINE.fullmatch(what):
        if found[2] not in intervals:
            return None
        kind = StreamKind.CONTINUOUS_KLINE if found[1] else StreamKind.KLINE
        return StreamTopic(kind, market_id, found[2])
    small = what.lower()
    if small in _PLAIN:
        kind, every_ms = _PLAIN[small]
        return StreamTopic(kind, market_id, "", every_ms)
    if found := _DEPTH.fullmatch(small):
        kind = StreamKind.PARTIAL_DEPTH if found[1] else StreamKind.DEPTH
        return StreamTopic(kind, market_id, found[1] or "", DEPTH_EVERY_MS[found[2] or ""])
    if found := _MARK.fullmatch(small):
        return StreamTopic(StreamKind.MARK_PRICE, market_id, "", MARK_EVERY_MS[found[1] or ""])
    return None


def is_of_market(name: str) -> bool:
    """Whether it is spelled as a stream of one market."""
    return "@" in name


class Address(NamedTuple):
    """What a path asks for. ``is_combined``: each message says of which stream it is."""

    is_combined: bool
    names: tuple[str, ...]
    events: frozenset[str] = frozenset()


def address_of(path: str, query: str) -> Address | None:
    """None for what is no path of streams. What isn't a stream's name is left aside: clients put
    numbers of their own there."""
    if not path.startswith(f"{BASE}/"):
        return None
    parts = [unquote(part) for part in path[len(BASE) + 1 :].split("/") if part]
    if parts and parts[0] in _CATEGORIES:
        parts = parts[1:]
    if not parts or parts[0] not in ("ws", "stream"):
        return None
    asked = parse_qs(query, max_num_fields=20)
    names = parts[1:]
    for given in asked.get("streams", []):
        names += given.split("/")
    names += asked.get("listenKey", [])
    events = frozenset(one for given in asked.get("events", []) for one in given.split("/"))
    return Address(parts[0] == "stream", tuple(dict.fromkeys(names)), events)


def is_listen_key(name: str) -> bool:
    return is_one(name)
