"""How far each market's output was handed on, and whether the market goes on from there.

Theory of operation. A sequence number means something within an epoch: a market that was given a
new starting point uses the numbers after it again. So where a reader stands is a sequence in an
epoch. Every read asks for the epoch after it asked for entries; where that is still the one before,
the entries are of that epoch, as an epoch never comes back. Where it is another the entries are
dropped, and the reader goes on from where the new epoch begins.

A Redis that came back with less than it had said may use numbers again within one epoch. That is
looked for after each fault, and every second in a hundred markets, in turn: the stream ends before
the reader's place, or has another entry there. To clients this is another epoch, too. And as no
reader may have been there to see it, what clients hear as the epoch names the run of the Redis
server with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from common.redis.cluster import AsyncClusterClient
from matching.messages.limits import MAX_ID
from matching.messages.streams import (
    ENTRY_FIELD,
    by_server,
    epoch_key,
    epoch_start,
    newest_id,
    output_stream,
    seq_of,
    server_of,
    streams_read,
)

BLOCK_MS = 500  # a new market waits for at most this
READ_COUNT = 500

Row = tuple[bytes, dict[bytes, bytes]]  # id, fields


@dataclass(kw_only=True)
class OutputPosition:
    """Where a reader stands in a market's output.

    seq         last entry handed on
    entry       its bytes; empty where it was not read
    epoch       as Redis names it; empty where it has none
    name        of the epoch, as clients hear it
    start_seq   up to here all epochs are the same
    reused_seq  a sequence above ``start_seq`` and up to here may be of an earlier epoch
    """

    seq: int
    epoch: bytes
    name: str
    start_seq: int = 0
    reused_seq: int = 0
    entry: bytes = b""

    def goes_on_from(self, before_seq: int) -> bool:
        """Whether whoever was told all up to there, in the epoch before, missed nothing: as where
        a market that had put out nothing has its first starting point."""
        return before_seq == self.seq <= self.start_seq

    def holds(self, seq: int, epoch_name: str | None) -> bool:
        """Whether a client that saw this sequence, of the epoch it names or names none, saw what
        this epoch has under it."""
        if epoch_name == self.name or seq <= self.start_seq:
            return True
        return epoch_name is None and seq > self.reused_seq


async def places(
    redis: Redis, market_ids: Iterable[str], from_beginning: Collection[str] = ()
) -> dict[str, OutputPosition | Exception]:
    """Positions at the ends of these markets, at the beginnings of some if they are kept; or why
    one has none: its keys hold something else."""
    found = await _find(redis, market_ids)
    return {
        market_id: one.fault
        or one.position(one.oldest_seq if market_id in from_beginning else one.newest_seq)
        for market_id, one in found.items()
    }


async def newest_seq(redis: Redis, market_id: str) -> int:
    """The last sequence the market ever had; 0 if it has none."""
    found = await _find(redis, [market_id])
    return found[market_id].newest_seq


@dataclass(kw_only=True)
class NewRows:
    """What a read gave: rows by market, which markets are in another epoch by now, of which nothing
    is given, and those whose keys hold something else."""

    rows: dict[str, list[Row]]
    changed: list[str]
    unreadable: dict[str, Exception]


async def read(redis: Redis, positions: Mapping[str, OutputPosition]) -> NewRows:
    """What comes after the positions, once there is anything."""
    if not isinstance(redis, AsyncClusterClient):
        return await _read(redis, positions)
    asked: dict[Hashable, Callable[[], Awaitable[NewRows]]] = {}
    for server, market_ids in by_server(redis, positions):
        mine = {market_id: positions[market_id] for market_id in market_ids}
        question = tuple((one, place.seq, place.epoch) for one, place in mine.items())
        asked[question] = partial(_read, server, mine)
    found = NewRows(rows={}, changed=[], unreadable={})
    for part in await redis.waiting.first(asked):
        found.rows |= part.rows
        found.changed += part.changed
        found.unreadable |= part.unreadable
    return found


async def _read(redis: Redis, positions: Mapping[str, OutputPosition]) -> NewRows:
    """Of one server."""
    names = {output_stream(market_id).encode(): market_id for market_id in positions}
    after: Any = {name: f"{positions[market_id].seq}-0" for name, market_id in names.items()}
    pipe = redis.pipeline(transaction=False)
    pipe.xread(after, count=READ_COUNT, block=BLOCK_MS)
    pipe.mget([epoch_key(market_id) for market_id in positions])
    answer, epochs = await pipe.execute(raise_on_error=False)
    if isinstance(answer, ResponseError):  # one key that is no stream fails the read of all
        return await _read_one_by_one(redis, positions)
    for fault in (answer, epochs):
        if isinstance(fault, Exception):
            raise fault
    changed = [
        market_id
        for market_id, epoch in zip(positions, epochs, strict=True)
        if epoch is not None and epoch != positions[market_id].epoch
    ]
    rows = {
        names[name]: found
        for name, found in streams_read(answer).items()
        if names[name] not in changed
    }
    return NewRows(rows=rows, changed=changed, unreadable={})


async def _read_one_by_one(redis: Redis, positions: Mapping[str, OutputPosition]) -> NewRows:
    found = NewRows(rows={}, changed=[], unreadable={})
    for market_id, position in positions.items():
        pipe = server_of(redis, market_id).pipeline()
        pipe.get(epoch_key(market_id))
        pipe.xrange(output_stream(market_id), f"({position.seq}-0", count=READ_COUNT)
        epoch, rows = await pipe.execute(raise_on_error=False)
        fault = next((one for one in (epoch, rows) if isinstance(one, Exception)), None)
        if fault is not None:
            found.unreadable[market_id] = fault
        elif epoch is not None and epoch != position.epoch:
            found.changed.append(market_id)
        elif rows:
            found.rows[market_id] = rows
    if not found.rows:
        await asyncio.sleep(BLOCK_MS / 1000 / 5)
    return found


async def entries(
    redis: Redis, market_id: str, epoch: bytes, first_seq: int, last_seq: int
) -> list[Row] | None:
    """Some of these entries from the first on, as far as they are kept; None in another epoch."""
    pipe = server_of(redis, market_id).pipeline()
    pipe.get(epoch_key(market_id))
    pipe.xrange(output_stream(market_id), f"{first_seq}-0", f"{last_seq}-0", READ_COUNT)
    epoch_now, rows = await pipe.execute()
    return rows if (epoch_now or epoch) == epoch else None


async def begin_again(
    redis: Redis, positions: Mapping[str, OutputPosition], market_ids: Iterable[str]
) -> dict[str, OutputPosition]:
    """Positions of markets in another epoch: before the first entry that is kept of it."""
    begun = {}
    for market_id, found in (await _find(redis, market_ids)).items():
        if found.fault is not None:
            continue
        position = found.position(found.oldest_seq)
        if epoch_start(found.epoch) is None:
            position.reused_seq = max(positions[market_id].seq, positions[market_id].reused_seq)
        begun[market_id] = position
    return begun


async def fallen_back(
    redis: Redis, positions: Mapping[str, OutputPosition]
) -> dict[str, OutputPosition]:
    """Of markets that lost in one and the same epoch what was handed on: positions at their ends.

    A stream that is gone altogether is waited for: it comes back in another epoch.
    """
    pipe = redis.pipeline(transaction=False)
    for market_id, position in positions.items():
        pipe.get(epoch_key(market_id))
        pipe.xinfo_stream(output_stream(market_id))
        pipe.xrange(output_stream(market_id), f"{position.seq}-0", f"{position.seq}-0")
    answers = await pipe.execute(raise_on_error=False)
    fallen = {}
    for index, (market_id, position) in enumerate(positions.items()):
        epoch, info, rows = answers[3 * index : 3 * index + 3]
        if isinstance(epoch, Exception) or isinstance(rows, Exception):
            continue  # it can't be read either, which is told there
        newest = newest_id(info)
        if newest is None or (epoch or position.epoch) != position.epoch:
            continue
        seq = seq_of(newest.encode())
        is_other = bool(rows and position.entry and rows[0][1].get(ENTRY_FIELD) != position.entry)
        if seq < position.seq or is_other:
            name = f"{position.name}.{position.seq}"
            reused_seq = max(position.seq, position.reused_seq)
            fallen[market_id] = OutputPosition(
                seq=seq, epoch=position.epoch, name=name, reused_seq=reused_seq
            )
    return fallen


@dataclass(frozen=True)
class _Tail:
    """What Redis has of a market at one moment: its epoch and XINFO STREAM, or refusals."""

    epoch: Any
    info: Any
    redis_run: str

    @property
    def fault(self) -> Exception | None:
        """Why nothing can be said: a key holds something else than it should."""
        if isinstance(self.epoch, Exception):
            return self.epoch
        try:
            newest_id(self.info)
        except ResponseError as error:
            return error
        return None

    @property
    def newest_seq(self) -> int:
        newest = newest_id(self.info)
        return seq_of(newest.encode()) if newest else 0

    @property
    def oldest_seq(self) -> int:
        """The market's last sequence before the first entry that is kept."""
        first = None if isinstance(self.info, Exception) else self.info["first-entry"]
        return seq_of(first[0]) - 1 if first else self.newest_seq

    def position(self, seq: int) -> OutputPosition:
        start_seq = epoch_start(self.epoch)
        last = None if isinstance(self.info, Exception) else self.info["last-entry"]
        return OutputPosition(
            seq=seq,
            entry=last[1].get(ENTRY_FIELD, b"") if last and seq_of(last[0]) == seq else b"",
            epoch=self.epoch,
            name=f"{self.epoch.decode(errors='replace')}.{self.redis_run}",
            start_seq=start_seq or 0,
            reused_seq=0 if start_seq is None else MAX_ID,
        )


async def _find(redis: Redis, market_ids: Iterable[str]) -> dict[str, _Tail]:
    found: dict[str, _Tail] = {}
    for server, asked in by_server(redis, market_ids):
        pipe = server.pipeline()
        pipe.info("server")
        for market_id in asked:
            pipe.get(epoch_key(market_id))
            pipe.xinfo_stream(output_stream(market_id))
        about, *answers = await pipe.execute(raise_on_error=False)
        pairs = zip(answers[::2], answers[1::2], strict=True)
        for market_id, (epoch, info) in zip(asked, pairs, strict=True):
            found[market_id] = _Tail(epoch or b"", info, about["run_id"][:8])
    return found
