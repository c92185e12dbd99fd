"""Names of everything in Redis, and the shape of what is published beside the streams.

The ``{MARKET}`` hash tag keeps all keys of one market in one slot of a Redis Cluster, so one server
has them. A call that names keys of several markets asks `by_server` first.
"""

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from matching.messages.vocabulary import MarketState

COMMAND_FIELD = b"command"  # the one field of an input entry
ENTRY_FIELD = b"entry"  # the one field of an output entry

TOP_OF_BOOK_LEVELS_MAX = 200

Client = TypeVar("Client")


def is_one_server(client: object) -> bool:
    """Or, whoever sentinels name, counts as one: a cluster's client tells servers apart."""
    return not hasattr(client, "server_of")


def server_of(client: Client, key: str) -> Client:
    """A client of the server that has this key, or all keys of this market: the given one itself,
    unless it is a cluster's (`common.redis.cluster`)."""
    return client if is_one_server(client) else client.server_of(key)  # type: ignore[attr-defined]


def by_server(client: Client, keys: Iterable[str]) -> list[tuple[Client, list[str]]]:
    """Clients, and which of these keys or markets may be named to each in one call."""
    if is_one_server(client):
        return [(client, list(keys))]
    parts: dict[int, tuple[Client, list[str]]] = {}
    for key in keys:
        server = server_of(client, key)
        parts.setdefault(id(server), (server, []))[1].append(key)
    return list(parts.values())


def values_of(client: Any, keys: Collection[str]) -> list[bytes | None]:
    """In one round trip; None where there is no such key, or one of another kind. One call costs a
    tenth of a call for each key. Raises redis.RedisError."""
    if not keys:
        return []
    if is_one_server(client):
        return list(client.mget(list(keys)))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.get(key)
    found = pipe.execute(raise_on_error=False)
    return [None if isinstance(value, Exception) else value for value in found]


def input_stream(market_id: str) -> str:
    return f"orders:input:{{{market_id}}}"


def output_stream(market_id: str) -> str:
    return f"orders:output:{{{market_id}}}"


def dead_letter_stream(market_id: str) -> str:
    """Undecodable input entries, under ``<seq>-0``. Fields: input_id, reason, payload."""
    return f"orders:dead:{{{market_id}}}"


def depth_key(market_id: str) -> str:
    """A JSON `Depth`, rewritten at most every 100 ms."""
    return f"market:depth:{{{market_id}}}"


def ticker_key(market_id: str) -> str:
    """A JSON `Ticker`, rewritten at most every 100 ms."""
    return f"market:ticker:{{{market_id}}}"


def heartbeat_key(market_id: str) -> str:
    """A hash: engine name → JSON `Heartbeat`."""
    return f"engine:heartbeat:{{{market_id}}}"


def epoch_key(market_id: str) -> str:
    """A text that changes whenever the market gets a starting point from Postgres. Without it
    nothing is appended to the output stream."""
    return f"engine:epoch:{{{market_id}}}"


def epoch_text(token: str, start_seq: int) -> str:
    """Of an epoch that follows another: sequences after ``start_seq`` are used again in it."""
    return f"{token}-{start_seq}"


def epoch_start(epoch: bytes) -> int | None:
    """The sequence a market was set back to when this epoch began; None for its first epoch."""
    _, _, start_seq = epoch.partition(b"-")
    return int(start_seq) if start_seq.isdigit() else None


def trimmed_key(market_id: str) -> str:
    """The input id up to which entries may have been trimmed."""
    return f"orders:trimmed:{{{market_id}}}"


def id_order(stream_id: str) -> tuple[int, int]:
    """A key that sorts stream ids as Redis does."""
    time_ms, _, counter = stream_id.partition("-")
    return int(time_ms), int(counter or 0)


def seq_of(entry_id: bytes) -> int:
    """Of an output entry or a dead letter: the first part of its id."""
    return id_order(entry_id.decode())[0]


def streams_read(reply: Any) -> dict[bytes, list[Any]]:
    """The rows of each stream, of what XREAD or XREADGROUP answered: pairs, or a mapping in the
    newer protocol, in which redis-py wraps the rows in one more list. Empty for no news."""
    pairs = reply.items() if isinstance(reply, dict) else reply or ()
    return {
        name: list(found)
        if isinstance(found[0][0], bytes)
        else [row for part in found for row in part]
        for name, found in pairs
    }


def newest_id(info: Any) -> str | None:
    """The newest id a stream ever had, from what XINFO STREAM answered, a refusal included; None if
    there is no stream. Raises any other refusal. (Trimming takes entries, never this id.)"""
    if isinstance(info, Exception):
        if "no such key" in str(info):
            return None
        raise info
    return str(info["last-generated-id"], "ascii")


def snapshots_key(market_id: str) -> str:
    """A hash: sequence → snapshot frame (`matching.messages.snapshot`), the newest few."""
    return f"engine:snapshots:{{{market_id}}}"


class Ticker(Struct, frozen=True, kw_only=True):
    """Where a market stands. Prices are 0 until there is one."""

    seq: int
    time_ms: int
    state: MarketState
    mark_price_ticks: int
    index_price_ticks: int
    last_price_ticks: int
    best_bid_ticks: int
    best_ask_ticks: int
    open_interest_lots: int


class Depth(Struct, frozen=True, kw_only=True):
    """Price levels, best first: ``[price_ticks, size_lots]``."""

    seq: int
    time_ms: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Heartbeat(Struct, frozen=True, kw_only=True):
    """One engine process's word on one market. ``beat_ms`` is the host's wall clock, ``build`` the
    matching core's: "compiled", "pure", or empty where an older engine doesn't say."""

    engine: str
    pid: int
    beat_ms: int
    started_ms: int
    seq: int
    input_id: str
    build: str = ""
    halted: str = ""  # why the engine stopped applying this market; empty while it runs
