"""One reader, several tasks: nothing before a listener's back, nothing twice, nothing set back."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis
from django.conf import settings
from redis.asyncio import Redis

from feeds import reader as reading
from feeds.output import OutputPosition, Row, fallen_back, places
from feeds.reader import OutputReader
from matching.messages.streams import ENTRY_FIELD, output_stream, seq_of
from tests.patience import PATIENCE_S

MARKET = "BTC-PERP"


class Heard:
    """What a listener is told: sequences as they come, and from where a market was moved."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.moves: list[int] = []
        self.late: bool | None = None
        self.reader: OutputReader

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        assert what == MARKET
        step()

    async def hear_rows(self, market_id: str, rows: Sequence[Row]) -> None:
        position = self.reader.positions[market_id]
        for entry_id, fields in rows:
            position.seq, position.entry = seq_of(entry_id), fields[ENTRY_FIELD]
            self.seqs.append(position.seq)

    def begun(self, market_id: str, is_late: bool) -> None:
        assert market_id == MARKET
        self.late = is_late

    def moved(self, _market_id: str, before_seq: int) -> None:
        self.moves.append(before_seq)


def put_out(client: redis.Redis, *seqs: int) -> None:
    for seq in seqs:
        client.xadd(output_stream(MARKET), {ENTRY_FIELD: b"%d" % seq}, id=f"{seq}-0")


def run(script: Callable[[OutputReader, Heard], Any]) -> None:
    async def connected() -> None:
        client = Redis.from_url(settings.REDIS_URL)
        heard = Heard()
        heard.reader = OutputReader(client, heard)
        async with asyncio.timeout(PATIENCE_S):
            await script(heard.reader, heard)
        await client.aclose()

    asyncio.run(connected())


def test_what_comes_before_the_first_step_is_heard(redis_db: redis.Redis) -> None:
    put_out(redis_db, 1, 2)

    async def script(reader: OutputReader, heard: Heard) -> None:
        await reader.find([MARKET])
        put_out(redis_db, 3, 4)
        while heard.seqs != [3, 4]:
            await reader.step([MARKET])
        assert heard.moves == []

    run(script)


@pytest.mark.parametrize(("trimmed", "heard_seqs"), [(False, [1, 2, 3]), (True, [2, 3])])
def test_a_market_that_came_later_is_heard_from_its_beginning(
    redis_db: redis.Redis, trimmed: bool, heard_seqs: list[int]
) -> None:
    async def script(reader: OutputReader, heard: Heard) -> None:
        await reader.find([])
        put_out(redis_db, 1, 2)
        if trimmed:
            redis_db.xdel(output_stream(MARKET), "1-0")
        await reader.find([MARKET])
        assert heard.late is True
        put_out(redis_db, 3)
        while heard.seqs != heard_seqs:
            await reader.step([MARKET])

    run(script)


def test_once_nobody_listens_the_next_begins_at_the_ends(redis_db: redis.Redis) -> None:
    async def script(reader: OutputReader, heard: Heard) -> None:
        await reader.find([])
        put_out(redis_db, 1)
        reader.forget()
        await reader.find([MARKET])
        assert (heard.late, reader.positions[MARKET].seq) == (False, 1)

    run(script)


def test_an_older_answer_sets_nobody_back(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second task asked for the ends before the first one read on, and is answered after it."""
    put_out(redis_db, 1, 2)
    answered, late = asyncio.Event(), asyncio.Event()

    async def late_places(*asked: Any) -> dict[str, OutputPosition | Exception]:
        found = await places(*asked)
        answered.set()
        await late.wait()
        return found

    async def script(reader: OutputReader, heard: Heard) -> None:
        monkeypatch.setattr(reading, "places", late_places)
        second = asyncio.create_task(reader.find([MARKET]))
        await answered.wait()
        monkeypatch.setattr(reading, "places", places)
        await reader.find([MARKET])
        put_out(redis_db, 3, 4)
        while heard.seqs != [3, 4]:
            await reader.step([MARKET])
        late.set()
        await second
        put_out(redis_db, 5)
        while heard.seqs[-1] != 5:
            await reader.step([MARKET])
        assert (heard.seqs, heard.moves) == ([3, 4, 5], [])

    run(script)


def test_a_stream_with_less_than_was_said_is_noticed_after_a_fault(redis_db: redis.Redis) -> None:
    put_out(redis_db, 1, 2, 3)

    async def script(reader: OutputReader, heard: Heard) -> None:
        await reader.step([MARKET])
        heard_rows, heard.hear_rows = heard.hear_rows, fails  # type: ignore[method-assign]
        put_out(redis_db, 4)
        with pytest.raises(OSError, match="planted"):
            await reader.step([MARKET])
        heard.hear_rows = heard_rows  # type: ignore[method-assign]
        redis_db.delete(output_stream(MARKET))
        put_out(redis_db, 1)
        await reader.step([MARKET])  # although it looked less than a second ago
        assert heard.moves == [3]
        assert reader.positions[MARKET].seq == 1

    async def fails(market_id: str, rows: Sequence[Row]) -> None:
        raise OSError(f"planted: {market_id} {len(rows)}")

    run(script)


def test_markets_are_checked_in_turn_and_all_of_them_after_a_fault(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    async def noting(client: Redis, positions: Any) -> dict[str, OutputPosition]:
        asked.append(sorted(positions))
        return await fallen_back(client, positions)

    monkeypatch.setattr(reading, "fallen_back", noting)
    monkeypatch.setattr(reading, "CHECK_EVERY_S", -1.0)
    monkeypatch.setattr(reading, "CHECKED_AT_ONCE", 2)
    ids = ["A-PERP", "B-PERP", "C-PERP"]

    async def script(reader: OutputReader, heard: Heard) -> None:
        monkeypatch.setattr(heard, "attempt", lambda _what, step: step())
        monkeypatch.setattr(heard, "begun", lambda _market_id, _is_late: None)
        await reader.find(ids)
        for market_id in ids:
            redis_db.xadd(output_stream(market_id), {ENTRY_FIELD: b"1"}, id="1-0")
        for _ in range(4):
            await reader.step(ids)
        asked.append([])
        with pytest.raises(RuntimeError):
            await reader.step(_broken())
        await reader.step(ids)

    def _broken() -> Any:
        raise RuntimeError
        yield

    run(script)
    turns = asked[1 : asked.index([])]
    assert asked[0] == ids
    assert sorted(market_id for turn in turns[:2] for market_id in turn) == ids
    assert turns[2] == turns[0]
    assert asked[-1] == ids
