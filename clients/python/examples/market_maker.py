"""Quotes both sides of one market around its mark price, leaning against its position.

python market_maker.py https://exchange.example KEY SECRET BTC-PERP 0.01
"""

import asyncio
import sys
from decimal import Decimal

from exchange_client import ApiError, AsyncClient, AsyncFeed, HmacKey, NewOrder
from exchange_client.feeds.events import AccountChanged, Gap, TickerSeen
from exchange_client.models.markets import Market
from exchange_client.models.words import Side

HALF_SPREAD = Decimal("0.0005")  # of the mark
LEAN = Decimal("0.0001")  # of the mark, for each quote's size of position
POSITION_MAX = 10  # quotes' sizes


class MarketMaker:
    def __init__(self, client: AsyncClient, market: Market, qty: Decimal) -> None:
        self.client, self.market, self.qty = client, market, qty
        self.unseen: set[str] = set()  # placed, and the feed has not told of them yet
        ticker = f"ticker:{market.id}"
        self.feed: AsyncFeed = client.feed(books=[market.id], channels=[ticker], account=True)

    async def run(self) -> None:
        """Until the feed is closed; cancels what it has in the market then."""
        mark: Decimal | None = None
        async for event in self.feed:
            match event:
                case TickerSeen(mark_price=told):
                    mark = told
                case AccountChanged(events=events):
                    self.unseen -= {getattr(one, "client_order_id", None) for one in events}
                case Gap():  # the view is of a snapshot after it, with all that was placed
                    self.unseen.clear()
            if mark is not None and self.feed.books[self.market.id].is_synced:
                await self.quote(mark)
        await self.client.cancel_all(self.market.id)

    async def quote(self, mark: Decimal) -> None:
        position = self.feed.account.position(self.market.id).qty / self.qty
        middle = mark * (1 - LEAN * position)
        sides: tuple[tuple[Side, int], ...] = (("LONG", -1), ("SHORT", 1))
        for side, sign in sides:
            price = self.market.to_tick(middle * (1 + sign * HALF_SPREAD))
            try:
                await self.keep(side, price if -sign * position < POSITION_MAX else None)
            except ApiError as refusal:  # of this moment: the next event tries again
                print(f"{side} at {price}: {refusal}", file=sys.stderr)

    async def keep(self, side: Side, price: Decimal | None) -> None:
        """One order of this side at this price; none where it is None."""
        orders = self.feed.account.open_orders(self.market.id)
        resting = [order for order in orders if order.side == side and order.status == "open"]
        if self.unseen or any(order.status == "pending" for order in orders):
            return  # the engine is at it
        for order in resting[1:] if price is not None else resting:
            await self.client.cancel_order(order.order_id)
        if price is None:
            return
        if not resting:
            terms = {"leverage": 5, "post_only": True}
            new = NewOrder.limit(self.market.id, side, self.qty, price, **terms)
            self.unseen.add(new.client_order_id)
            await self.client.place_order(new)
        elif resting[0].price != price:
            await self.client.amend_order(resting[0].order_id, price=price)


async def main(url: str, key: str, secret: str, market_id: str, qty: str) -> None:
    async with AsyncClient(url, HmacKey(key, secret)) as client:
        maker = MarketMaker(client, await client.market(market_id), Decimal(qty))
        await maker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
