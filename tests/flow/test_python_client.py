"""`clients/python` on real processes: every kind of order, algos and what the feed tells of them.
Sync and async send the same; each step here is taken by one of both."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest
from exchange_client import (
    AsyncClient,
    Client,
    NewAlgo,
    NewAttached,
    NewOrder,
    NewOther,
    NewTrigger,
    Tokens,
    TriggerChange,
)
from exchange_client.errors import ApiError
from exchange_client.feeds.events import AlgoChanged, Connected
from exchange_client.models.orders import Order

from tests.flow.exchange import MARKET, Exchange, Trader, wait_for
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db

D = Decimal


@pytest.fixture
def trader(new_trader: NewTrader) -> Trader:
    return new_trader()


def client_of(trader: Trader) -> Client:
    return Client(trader.exchange.url, Tokens(trader.token))


def test_every_kind_of_order(trader: Trader) -> None:
    with client_of(trader) as client:
        other = NewOther(
            side="LONG",
            order_type="market",
            qty=D("0.02"),
            leverage=10,
            trigger=NewTrigger(type="STOP", price=D(52000)),
        )
        limit = NewOrder.limit(MARKET, "LONG", D("0.02"), D(49000), leverage=10, other=other)
        pair = client.place_order(limit, wait=True)
        ice = NewOrder.limit(
            MARKET, "SHORT", D("0.3"), D(50500), leverage=10, visible_qty=D("0.01")
        )
        iceberg = client.place_order(ice, wait=True)
        matched = NewOrder.matched(MARKET, "SHORT", D("0.01"), "QUEUE", leverage=10)
        queued = client.place_order(matched, wait=True)
        entry = NewOrder.limit(
            MARKET,
            "LONG",
            D("0.02"),
            D(49100),
            leverage=10,
            take_profit=NewAttached(price=D(53000)),
            stop_loss=NewAttached(price=D(48000), by="LAST"),
        )
        attached = client.place_order(entry, wait=True)
        assert attached.stop_loss_id is not None
        moved = client.amend_order(attached.stop_loss_id, trigger=TriggerChange(price=D(48100)))
        assert moved.order_id == attached.stop_loss_id
        trader.wait_until(iceberg.order_id, "open")
        client.amend_order(iceberg.order_id, visible_qty=D("0.02"))
        stop = wait_for(lambda: _moved(client, moved.order_id), "the stop moved")
        assert (stop.status, stop.parent_id) == ("asleep", attached.order_id)
        wait_for(
            lambda: client.order(iceberg.order_id).visible_qty == D("0.02"), "more of it shown"
        )
        assert client.order(queued.order_id).price == D(50500)
        assert client.order(pair.order_id).other_id == pair.other_id
        client.cancel_all(MARKET, protective=True)
        trader.wait_until(pair.order_id, "cancelled")


def _moved(client: Client, order_id: int) -> Order | None:
    order = client.order(order_id)
    is_there = order.trigger is not None and order.trigger.price == D(48100)
    return order if is_there else None


def test_an_algo_from_its_start_to_its_end_and_what_the_feed_tells(
    exchange: Exchange, trader: Trader
) -> None:
    told = asyncio.run(_algo_lived(exchange.url, trader))
    assert [event.number for event in told] == list(range(1, len(told) + 1))
    assert [event.event for event in told] == [
        "AlgoStarted",
        "AlgoSliceSent",
        "AlgoSliceSent",
        "AlgoEnded",
    ]


async def _algo_lived(url: str, trader: Trader) -> list[AlgoChanged]:
    told: list[AlgoChanged] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        AsyncClient(url, Tokens(trader.token)) as client,
        client.feed(account=True) as feed,
    ):
        while not isinstance(await anext(feed), Connected):
            pass
        new = NewAlgo.scaled(MARKET, "LONG", D("0.02"), D(48000), D(48100), 2, leverage=10)
        algo = await client.start_algo(new)
        assert (await client.start_algo(new)).id == algo.id
        assert [one.order_id is not None for one in algo.slices] == [True, True]
        order_id = algo.slices[0].order_id
        assert order_id is not None
        assert (await client.order(order_id)).algo_id == algo.id
        listed = await client.algos(state="running", client_algo_id=new.client_algo_id)
        assert [one.id for one in listed.algos] == [algo.id]
        with pytest.raises(ApiError) as refused:
            await client.pause_algo(algo.id)
        assert refused.value.code == "ALGO_NOT_PAUSABLE"
        assert not (await client.end_algo(algo.id)).is_live
        async for event in feed:
            if isinstance(event, AlgoChanged) and event.algo_id == algo.id:
                told.append(event)
                if event.event == "AlgoEnded":
                    assert (event.state, event.reason) == ("cancelled", "USER")
                    return told
    raise AssertionError("the feed ended")


def test_a_twap_is_paused_and_resumed(trader: Trader) -> None:
    with client_of(trader) as client:
        new = NewAlgo.twap(MARKET, "LONG", D("0.2"), 60, 30, price=D(48000), leverage=10)
        algo = client.start_algo(new)
        assert client.pause_algo(algo.id).state == "paused"
        assert client.resume_algo(algo.id).state == "running"
        assert client.end_algo(algo.id).reason == "USER"
        assert client.algo(algo.id).slices[0].number == 1
