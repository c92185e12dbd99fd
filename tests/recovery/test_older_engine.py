"""An engine of an older release is asked for what it doesn't know. The handshake of versions keeps
that from happening; if it does, nothing is half done and nothing lost."""

from typing import Any, Union, get_args

import msgspec
import pytest

from matching.messages import codec, commands
from matching.messages.commands import Command, PlaceOrder
from matching.messages.vocabulary import OrderStatus, OrderType, Side
from persistence.models import DeadLetter
from tests.recovery.exchange import MARKET, Exchange, wait_until
from trading.models import Order
from trading.orders.request import NewOrder
from trading.services import place_order


class OlderDecoder:
    """Of a release before icebergs: what has their field it refuses, all else it reads."""

    def __init__(self) -> None:
        self._known = _before_icebergs()
        self._decoder = codec._command_decoder

    def decode(self, data: bytes) -> Command:
        self._known.decode(data)
        return self._decoder.decode(data)


def _before_icebergs() -> msgspec.json.Decoder:
    fields: list[Any] = []
    for field in msgspec.structs.fields(PlaceOrder):
        if field.required:
            fields.append((field.name, field.type))
        elif field.name not in ("v", "visible_lots"):
            default = msgspec.UNSET if field.default is msgspec.NODEFAULT else field.default
            fields.append((field.name, field.type, default))
    older = msgspec.defstruct(
        "OlderPlaceOrder", fields, bases=(commands._Command,), tag="PlaceOrder"
    )
    kinds: Any = Union[(*(set(get_args(Command)) - {PlaceOrder}), older)]
    return msgspec.json.Decoder(kinds)


ICEBERG = NewOrder(
    market_id=MARKET,
    side=Side.LONG,
    order_type=OrderType.LIMIT,
    qty="0.3",
    price="24900",
    leverage=10,
    visible_qty="0.1",
)


def test_what_an_older_engine_refused_the_next_one_takes(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = exchange.start()
    with monkeypatch.context() as older:
        older.setattr(codec, "_command_decoder", OlderDecoder())
        order_id = place_order(exchange.alice.pk, ICEBERG).order_id

        def refused() -> bool:
            exchange.work()
            return DeadLetter.objects.exists()

        wait_until(refused, "a dead letter")
        plain = exchange.place(exchange.bob, Side.LONG, 1)

        def neighbour_is_taken() -> bool:
            exchange.work()
            return _status(plain) == OrderStatus.OPEN

        wait_until(neighbour_is_taken, "the order after it")
        engine.stop()
        exchange.work()
    letter = DeadLetter.objects.first()
    assert letter is not None
    assert "unknown field `visible_lots`" in letter.reason
    assert _status(order_id) == OrderStatus.PENDING
    exchange.engine()
    exchange.settle()
    assert _status(order_id) == OrderStatus.OPEN
    exchange.assert_sound()


def test_an_older_engine_beside_a_newer_one_halts_rather_than_say_something_else(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.start()
    order_id = place_order(exchange.alice.pk, ICEBERG).order_id
    exchange.settle()
    with monkeypatch.context() as older:
        older.setattr(codec, "_command_decoder", OlderDecoder())
        exchange.engine("older")
        exchange.wait_for_word("differs from what is published", "older")
    exchange.settle()
    assert _status(order_id) == OrderStatus.OPEN
    exchange.assert_sound()


def _status(order_id: int) -> str:
    return Order.objects.get(pk=order_id).status
