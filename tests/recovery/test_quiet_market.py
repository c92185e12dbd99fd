"""What ends by the clock ends in a market to which nobody sends anything."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from markets.models import Market
from matching.messages.codec import decode_command, decode_entry
from matching.messages.commands import AdvanceClock
from matching.messages.events import (
    CountdownSet,
    FundingSettled,
    MarkPriceChanged,
    OrderCancelled,
    OutputEntry,
)
from matching.messages.streams import COMMAND_FIELD, ENTRY_FIELD, input_stream, output_stream
from matching.messages.vocabulary import OrderType, Side, TriggerBy, TriggerKind
from tests.recovery.exchange import MARK_TICKS, MARKET, Exchange, wait_until
from trading.orders.request import NewOrder, NewTrigger
from trading.services import configure_market, place_order, set_countdown

SOON_MS = 700


def soon() -> str:
    at = datetime.now(tz=UTC) + timedelta(milliseconds=SOON_MS)
    return at.isoformat(timespec="milliseconds")


def rests(exchange: Exchange) -> None:
    _places(exchange, price="24000")


def waits(exchange: Exchange) -> None:
    trigger = NewTrigger(type=TriggerKind.STOP, by=TriggerBy.MARK, price="26000")
    _places(exchange, price="26500", trigger=trigger)


def _places(exchange: Exchange, **terms: Any) -> None:
    new = NewOrder(
        market_id=MARKET,
        side=Side.LONG,
        qty="0.01",
        order_type=OrderType.LIMIT,
        leverage=10,
        expires_at=soon(),
        **terms,
    )
    place_order(exchange.alice.pk, new)


def counts_down(exchange: Exchange) -> None:
    exchange.place(exchange.alice, Side.LONG, 5, 240_000)
    set_countdown(exchange.alice.pk, MARKET, SOON_MS)


def lacks_an_index(exchange: Exchange) -> None:
    """From a moment on: an index that is old already would be missed at once."""
    market = Market.objects.get(pk=MARKET)
    market.index_stale_ms = 2_000
    exchange.move_index(MARK_TICKS)
    configure_market(market, by=None)


def entries(exchange: Exchange) -> list[OutputEntry]:
    found: Any = exchange.client.xrange(output_stream(MARKET))
    return [decode_entry(fields[ENTRY_FIELD]) for _, fields in found]


def funded(exchange: Exchange) -> set[str]:
    """By what funding was settled, which may be due at any time, too."""
    return {
        entry.input_id
        for entry in entries(exchange)
        if any(isinstance(event, FundingSettled) for event in entry.events)
    }


def commands(exchange: Exchange) -> list[tuple[str, Any]]:
    found: Any = exchange.client.xrange(input_stream(MARKET))
    return [(at.decode(), decode_command(fields[COMMAND_FIELD])) for at, fields in found]


@pytest.mark.parametrize(
    ("engines", "begins", "ends"),
    [
        (1, rests, {OrderCancelled}),
        (2, waits, {OrderCancelled}),
        (2, counts_down, {OrderCancelled, CountdownSet}),
        (1, lacks_an_index, {MarkPriceChanged}),
    ],
)
def test_it_ends_without_another_command(
    exchange: Exchange, engines: int, begins: Callable[[Exchange], None], ends: set[type]
) -> None:
    exchange.start("engine")
    for number in range(1, engines):
        exchange.engine(f"standby-{number}")
    begins(exchange)
    sent = len(commands(exchange))

    def ended() -> OutputEntry | None:
        made = entries(exchange)[sent:]
        return next((entry for entry in made if ends <= {type(e) for e in entry.events}), None)

    entry = wait_until(ended, "the end")
    # One command did it, of whichever engine; and where nothing is due none is sent.
    beat = exchange.heartbeat()
    assert beat is not None
    wait_until(
        lambda: (b := exchange.heartbeat()) and b.beat_ms > beat.beat_ms, "another heartbeat"
    )
    moved = [at for at, command in commands(exchange) if isinstance(command, AdvanceClock)]
    assert set(moved) - (funded(exchange) - {entry.input_id}) == {entry.input_id}
    exchange.settle()
    exchange.assert_sound()
