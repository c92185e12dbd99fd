"""A command that stands in the stream more than once has had its effect after the first time."""

import random
from typing import Any

import pytest
import redis

from ledger.models import JournalEntry, Posting, Wallet
from matching.messages.codec import decode_command, decode_entry
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import COMMAND_FIELD, ENTRY_FIELD, input_stream, output_stream
from matching.messages.vocabulary import MarketState
from matching.runtime.market import MarketRunner
from persistence.reading import persist_market
from persistence.recovery.starting_points import ensure_starting_point
from tests.trading.client import make_market, make_trader, set_ticker
from trading import services
from trading.commands.publisher import publish_command
from trading.models import Fill, Order, OutboxCommand, Position

pytestmark = pytest.mark.django_db(transaction=True)

MARKET = "BTC-PERP"
INPUT, OUTPUT = input_stream(MARKET), output_stream(MARKET)
TABLES: tuple[Any, ...] = (Order, Fill, Position, OutboxCommand, Wallet, JournalEntry, Posting)


def match_and_persist(client: redis.Redis) -> None:
    """What an engine that has just started and a worker make of the streams."""
    ensure_starting_point(MARKET)
    runner = MarketRunner(client, MARKET, "engine", snapshot_every=10_000)
    runner.recover()
    assert persist_market(MARKET) == runner.seq


def all_rows() -> dict[str, list[dict[str, Any]]]:
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in TABLES}


@pytest.fixture
def traded(db: None, redis_db: redis.Redis) -> redis.Redis:
    """Orders that filled, rest, were cancelled one by one and all at once, and were refused."""
    market = make_market()
    services.set_market_state(market, MarketState.ACTIVE, by=None)
    publish_command(MARKET, UpdateIndexPrice(index_price_ticks=250_000))
    set_ticker(redis_db)
    one, other = make_trader(), make_trader()
    first = one.place().body["orderId"]
    other.place(side="SHORT", qty="0.2", margin="1000")
    one.place(price="24900", qty="0.1", margin="500")
    other.place(side="SHORT", orderType="market", price=None, qty="0.1", margin="500")
    one.api.delete(f"/order/{first}")
    other.place(side="SHORT", price="25100", qty="0.1", margin="500")
    other.api.delete("/orders")
    other.place(price="24990", qty="0.01", margin="50", postOnly=True)
    match_and_persist(redis_db)
    assert {"open", "cancelled", "filled"} <= {order.status for order in Order.objects.all()}
    return redis_db


def entries_of(client: redis.Redis) -> list[dict[bytes, bytes]]:
    found: Any = client.xrange(INPUT)
    return [fields for _, fields in found]


@pytest.mark.parametrize("order", ["as they were", "reversed", "shuffled"])
def test_every_command_delivered_again(traded: redis.Redis, order: str) -> None:
    before, entries = all_rows(), entries_of(traded)
    newest: Any = traded.xinfo_stream(OUTPUT)["last-generated-id"]
    again = [fields for fields in entries * 2 if not _is_price(fields)]
    if order == "reversed":
        again.reverse()
    elif order == "shuffled":
        random.Random(7).shuffle(again)
    # In the millisecond of the newest: no funding is due before they come.
    at_ms, number = traded.xinfo_stream(INPUT)["last-generated-id"].decode().split("-")
    for count, fields in enumerate(again, int(number) + 1):
        traded.xadd(INPUT, fields, id=f"{at_ms}-{count}")  # type: ignore[arg-type]
    match_and_persist(traded)
    answers: Any = traded.xrange(OUTPUT, min=f"({newest.decode()}")
    assert len(answers) == len(again)
    assert [decode_entry(fields[ENTRY_FIELD]).events for _, fields in answers] == [()] * len(again)
    assert all_rows() == before


def _is_price(fields: dict[bytes, bytes]) -> bool:
    """The one command whose repetition says something: that the price is still so."""
    return isinstance(decode_command(fields[COMMAND_FIELD]), UpdateIndexPrice)
