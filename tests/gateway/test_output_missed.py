"""What a gateway that reads what markets put out counts as missed, and what it does not."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings
from redis.asyncio import Redis

from gateway.streams.output import Output
from matching.messages.codec import encode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import ENTRY_FIELD, epoch_key, epoch_text, output_stream
from tests.patience import PATIENCE_S

MARKET = "LATE-PERP"


class Source:
    """Of streams: one market, which may have come after the others."""

    def __init__(self, client: Redis) -> None:
        self.redis = client
        self.markets: dict[str, Any] = {"LATEUSDT": None}
        self.symbols: dict[str, str] = {}

    def wanted(self, *_kinds: Any) -> set[Any]:
        return set()

    def is_wanted(self, _topic: Any) -> bool:
        return False

    def tell(self, topic: Any, event: Any) -> None:
        raise AssertionError((topic, event))

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        assert what == MARKET
        step()

    async def ask(self, question: Callable[[], Any]) -> Any:
        return question()


class Heard:
    are_wanted = True

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.missed = 0

    async def hear(self, market_id: str, entries: list[OutputEntry]) -> None:
        assert market_id == MARKET
        self.seqs += [entry.seq for entry in entries]

    def miss(self, market_id: str) -> None:
        assert market_id == MARKET
        self.missed += 1


def put_out(client: redis.Redis, *seqs: int) -> None:
    for seq in seqs:
        entry = OutputEntry(seq=seq, input_id=f"{seq}-0", time_ms=seq, command_id=0, events=())
        client.xadd(output_stream(MARKET), {ENTRY_FIELD: encode_entry(entry)}, id=f"{seq}-0")


@pytest.mark.parametrize(
    ("first_seqs", "epoch", "then", "heard_seqs", "missed"),
    [
        pytest.param([], "first", [1, 2], [1, 2], 0, id="its first starting point"),
        pytest.param([], epoch_text("other", 0), [1, 2], [1, 2], 0, id="begun anew with nothing"),
        pytest.param([], "first", [2, 3], [2, 3], 1, id="its first entry is gone"),
        pytest.param([], epoch_text("other", 0), [1, 3], [1, 3], 1, id="one between is gone"),
        pytest.param([1, 2], epoch_text("other", 1), [2], [2], 1, id="set back"),
    ],
)
def test_a_market_that_is_found_before_it_has_a_starting_point(
    redis_db: redis.Redis,
    first_seqs: list[int],
    epoch: str,
    then: list[int],
    heard_seqs: list[int],
    missed: int,
) -> None:
    """Its row is there a moment before the engine gave it one."""

    async def script() -> None:
        client = Redis.from_url(settings.REDIS_URL)
        source, heard = Source(client), Heard()
        output = Output(source)
        output.add(heard)
        await output.ready()
        source.symbols[MARKET] = "LATEUSDT"
        put_out(redis_db, *first_seqs)
        await output.ready()
        await told(output, heard, first_seqs)
        redis_db.set(epoch_key(MARKET), epoch)
        redis_db.delete(output_stream(MARKET))
        put_out(redis_db, *then)
        await told(output, heard, [*first_seqs, *heard_seqs])
        assert heard.missed == missed
        await client.aclose()

    async def told(output: Output, heard: Heard, seqs: list[int]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while heard.seqs != seqs:
                await output.step()

    asyncio.run(script())
