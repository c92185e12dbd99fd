"""The example of `clients/python` trades on real processes while its connections are cut."""

import asyncio
import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from exchange_client import AsyncClient, Tokens, calls
from exchange_client.feeds.account_events import Fill
from exchange_client.feeds.events import AccountChanged, Disconnected

from tests.flow.cutting import CuttingProxy
from tests.flow.exchange import MARKET, Exchange, Trader
from tests.patience import PATIENCE_S

CUTS = 8
QTY = Decimal("0.01")
EXAMPLE = Path(settings.BASE_DIR, "clients/python/examples/market_maker.py")
LINES_MAX = 80


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("market_maker_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= LINES_MAX


async def until(look: Callable[[], Any], what: str) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (seen := look()):
            await asyncio.sleep(0.02)
        return seen


class Watched:
    """The example's maker, and what its feed handed over."""

    def __init__(self, client: AsyncClient, maker: Any) -> None:
        self.client, self.maker = client, maker
        self.fills: list[Fill] = []
        self.cuts_noticed = 0

    def on(self, event: object) -> None:
        if isinstance(event, AccountChanged):
            self.fills += [one for one in event.events if isinstance(one, Fill)]
        self.cuts_noticed += isinstance(event, Disconnected)

    def has_noticed(self, count: int) -> bool:
        return min(self.cuts_noticed, len(self.fills)) >= count

    @property
    def quotes(self) -> list[str | None]:
        orders = self.maker.feed.account.open_orders(MARKET)
        return [order.side for order in orders if order.status == "open"]


def watch(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = type(watched.maker.feed)
    taken = feed.__anext__

    async def told(self: Any) -> Any:
        event = await taken(self)
        watched.on(event)
        return event

    monkeypatch.setattr(feed, "__anext__", told)


async def trade_and_cut(watched: Watched, proxy: CuttingProxy, taker: Trader) -> None:
    """A fill beside each cut: before it, or while the maker is away."""
    for number in range(CUTS):
        await until(lambda: {"LONG", "SHORT"} <= set(watched.quotes), "quotes of both sides")
        side = "LONG" if number % 2 else "SHORT"
        hit = asyncio.create_task(asyncio.to_thread(taker.place, side, str(QTY), None))
        if number % 3:
            await hit
        await until(proxy.cut, "something to cut")
        await hit
        noticed = number + 1
        await until(partial(watched.has_noticed, noticed), "the cut and the fill")


async def all_of(client: AsyncClient, call: Any, name: str) -> list[Any]:
    return [row async for page in client.pages(call) for row in getattr(page, name)]


def as_told(fill: Any) -> tuple[int, str, Decimal, Decimal, Decimal]:
    return fill.trade_id, fill.role, fill.qty, fill.price, fill.realized_pnl - fill.fee


async def own_view(watched: Watched, direct: AsyncClient) -> dict[str, Any]:
    feed, mark = watched.maker.feed, (await direct.ticker(MARKET)).mark_price
    return {
        "orders": {
            (one.order_id, one.client_order_id, one.side, one.price, one.remaining_qty)
            for one in feed.account.open_orders()
        },
        "position": feed.account.position(MARKET).qty,
        "equity": feed.account.equity({MARKET: mark}),
        "book": (feed.books[MARKET].bids, feed.books[MARKET].asks),
        "fills": Counter(map(as_told, watched.fills)),
    }


async def as_rest_says(direct: AsyncClient) -> dict[str, Any]:
    account, depth = await direct.snapshot(), await direct.depth(MARKET)
    fills = await all_of(direct, calls.account.fills(market_id=MARKET, limit=5), "fills")
    signs = {"LONG": 1, "SHORT": -1}
    return {
        "orders": {
            (one.id, one.client_order_id, one.type, one.price, one.remaining_qty)
            for one in account.orders
        },
        "position": sum((signs[one.type or ""] * one.qty for one in account.positions), Decimal(0)),
        "equity": account.equity.equity,
        "book": (depth.bids, depth.asks),
        "fills": Counter(map(as_told, fills)),
    }


async def check(watched: Watched, direct: AsyncClient) -> None:
    """In the end what the maker knows is what REST says."""
    async with asyncio.timeout(PATIENCE_S):
        while await own_view(watched, direct) != await as_rest_says(direct):
            await asyncio.sleep(0.1)
    assert len(watched.fills) >= CUTS
    orders = await all_of(direct, calls.orders.orders(market_id=MARKET, limit=5), "orders")
    assert set(Counter(order.client_order_id for order in orders).values()) == {1}
    assert sum(order.filled_qty for order in orders) == sum(fill.qty for fill in watched.fills)


@pytest.mark.django_db
@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_eight_cuts(
    exchange: Exchange, new_trader: Callable[..., Trader], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker_account, taker = new_trader("100000"), new_trader("100000")
    example = load_example()

    async def scenario() -> None:
        tokens = Tokens(maker_account.token)
        async with (
            CuttingProxy(exchange.port) as proxy,
            AsyncClient(proxy.url, tokens) as client,
            AsyncClient(exchange.url, tokens) as direct,
        ):
            maker = example.MarketMaker(client, await client.market(MARKET), QTY)
            watched = Watched(client, maker)
            watch(watched, monkeypatch)
            running = asyncio.create_task(maker.run())
            await trade_and_cut(watched, proxy, taker)
            await until(lambda: {"LONG", "SHORT"} <= set(watched.quotes), "quotes again")
            await check(watched, direct)
            await maker.feed.close()
            await running
            for order in maker.feed.account.open_orders():
                ended = await asyncio.to_thread(
                    maker_account.wait_until, order.order_id, "cancelled"
                )
                assert ended["filledQty"] == "0"

    asyncio.run(scenario())
